import { join } from 'node:path';

/** Where the built-in profiles are: tests run from the repository's root. */
export const profileFolder = join(process.cwd(), 'src', 'instruments', 'profiles');
