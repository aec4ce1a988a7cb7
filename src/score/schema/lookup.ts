import { z } from 'zod';

/** What the schema says of a path. */
export interface FieldInfo {
  /** Names of the fields that may stand here; empty when the value is no block or takes any key. */
  readonly names: readonly string[];
  readonly description: string | null;
  readonly schema: z.core.$ZodType | null;
  /** Keys are sheet or stage numbers. */
  readonly numbered: boolean;
}

const nothing: FieldInfo = { names: [], description: null, schema: null, numbered: false };

/** The schema of a document path. A number key of a map and a list position both lead to the element. */
export function schemaAt(root: z.core.$ZodType, path: readonly PropertyKey[]): FieldInfo {
  let schema: z.core.$ZodType = root;
  let description = descriptionOf(schema);
  for (const part of path) {
    const inner = unwrap(schema);
    let next: z.core.$ZodType | undefined;
    if (inner instanceof z.ZodObject) {
      const shape = inner.shape as Readonly<Record<string, z.core.$ZodType>>;
      next = Object.hasOwn(shape, String(part)) ? shape[String(part)] : undefined;
    } else if (inner instanceof z.ZodArray) next = inner.element;
    else if (inner instanceof z.ZodRecord) next = inner.valueType;
    if (next === undefined) return nothing;
    schema = next;
    description = descriptionOf(schema);
  }
  const inner = unwrap(schema);
  return {
    names: inner instanceof z.ZodObject ? Object.keys(inner.shape) : [],
    description: description ?? descriptionOf(inner),
    schema,
    numbered:
      inner instanceof z.ZodRecord &&
      inner.keyType instanceof z.ZodString &&
      inner.keyType.format === 'regex',
  };
}

/** The schema without its wrappers for defaults and null. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodNullable
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

function descriptionOf(schema: z.core.$ZodType): string | null {
  let inner = schema;
  for (;;) {
    const described = z.globalRegistry.get(inner)?.description;
    if (described !== undefined) return described;
    if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable
    ) {
      inner = inner.unwrap();
    } else return null;
  }
}
