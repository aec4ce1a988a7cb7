import { environmentNames } from '../instruments/environment-names';
import { loadCatalogue, type InstrumentCatalogue } from '../instruments/catalogue';
import { readTrustFile } from '../instruments/trust';

export interface CatalogueFolders {
  readonly builtIn: string;
  readonly user: string;
  readonly trustFile: string;
}

/** The instruments of every run: a job keeps those that it was submitted with; who asks without one sees those that lie there now. */
export class RunCatalogues {
  /** By run; filled by the engine. */
  readonly byRun = new Map<string, InstrumentCatalogue>();
  // A catalogue never changes: what its instruments may be given is worked out once.
  private readonly names = new WeakMap<InstrumentCatalogue, readonly string[]>();

  private constructor(
    private readonly folders: CatalogueFolders,
    private latest: InstrumentCatalogue,
  ) {}

  static async open(folders: CatalogueFolders): Promise<RunCatalogues> {
    return new RunCatalogues(folders, await load(folders, null));
  }

  /** Built-in and user profiles, as they were when somebody last asked. */
  get common(): InstrumentCatalogue {
    return this.latest;
  }

  /** For who asks now: from then on the user's profiles are those that lie there now. With a workspace, its approved ones too. */
  async fresh(workspace: string | null): Promise<InstrumentCatalogue> {
    this.latest = await load(this.folders, null);
    return workspace === null ? this.latest : load(this.folders, workspace);
  }

  of(run: string | null): InstrumentCatalogue {
    return (run === null ? undefined : this.byRun.get(run)) ?? this.latest;
  }

  /** Variables with keys that some instrument of the run may be given. */
  secretNames(run: string): readonly string[] {
    const catalogue = this.of(run);
    let names = this.names.get(catalogue);
    if (!names) {
      names = [...new Set(catalogue.list().flatMap((entry) => environmentNames(entry.profile).secret))];
      this.names.set(catalogue, names);
    }
    return names;
  }
}

async function load(folders: CatalogueFolders, workspace: string | null): Promise<InstrumentCatalogue> {
  return loadCatalogue({
    builtInFolder: folders.builtIn,
    userFolder: folders.user,
    workspace,
    trust: await readTrustFile(folders.trustFile),
  });
}
