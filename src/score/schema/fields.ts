/** Building stones of the score schema. Every field says what it means with `.describe`: completion, hover, docs and JSON Schema read it. */
import { z } from 'zod';

/** An optional field: null when absent. */
export const maybe = <T extends z.ZodType>(schema: T) => schema.nullable().default(null as never);

/** Text with at least one character. */
export const text = () => z.string().min(1);
export const count = (least: number, most?: number) =>
  most === undefined ? z.int().min(least) : z.int().min(least).max(most);
export const positive = () => z.number().gt(0);
export const fraction = () => z.number().min(0).max(1);

/** A sheet or stage number as a key. YAML integers and quoted digits are the same key here, as in the reference. */
export const sheetKey = z.string().regex(/^[1-9][0-9]{0,5}$/, 'a sheet number, 1 or more');
export const bySheet = <T extends z.ZodType>(value: T) => z.record(sheetKey, value);
export const sheetNumber = () => z.int().min(1).max(999_999);

/** A map that takes any key. */
export const freeForm = () => z.record(z.string(), z.unknown());

/** A nested block whose fields all have defaults: an absent block is the block of defaults. */
export const block = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).prefault({} as never);
