/** What goes wrong, and when. Plain data: a workload can be printed, shrunk and run again. */
export type Fault =
  /** The broker dies. Its clients see resets, or nothing at all. */
  | {
      readonly kind: "crash";
      readonly atMs: number;
      readonly broker: number;
      readonly downMs: number;
      readonly isSilent: boolean;
    }
  /** The broker dies in the middle of its n-th commit from now, or when its n-th call to the object store was carried out. */
  | {
      readonly kind: "crash-at-step";
      readonly atMs: number;
      readonly broker: number;
      readonly step: "commit" | "object";
      readonly count: number;
    }
  /**
   * The next broker that another one tells how a transaction ended dies before that is on its disk, which is slow, and is cut off from the others
   * for a while, so that nobody tells it again.
   */
  | { readonly kind: "crash-at-marker"; readonly atMs: number; readonly afterMs: number; readonly cutMs: number }
  /**
   * The broker's disk is slow, and it dies as soon as another one hears from it how a transaction ended; the client hangs from then on, so that it
   * doesn't ask for the same end again.
   */
  | {
      readonly kind: "crash-at-decision";
      readonly atMs: number;
      readonly broker: number;
      readonly client: string;
      readonly forMs: number;
      readonly hangMs: number;
    }
  /**
   * The platform starts the broker's object a second time. The old one keeps its connections for a while and answers from memory; it can't
   * commit any more, and its storage reads fail or are as old as its memory.
   */
  | {
      readonly kind: "double-start";
      readonly atMs: number;
      readonly broker: number;
      readonly forMs: number;
      readonly failsReads: boolean;
    }
  | {
      readonly kind: "slow-disk";
      readonly atMs: number;
      readonly broker: number;
      readonly forMs: number;
      readonly byMs: number;
    }
  /** Every commit fails: a disk that is full, or gone. Some of them have come to be all the same. */
  | { readonly kind: "failing-disk"; readonly atMs: number; readonly broker: number; readonly forMs: number }
  | { readonly kind: "clock-jump"; readonly atMs: number; readonly broker: number; readonly byMs: number }
  | { readonly kind: "reset"; readonly atMs: number; readonly client: string; readonly broker: number }
  | { readonly kind: "half-open"; readonly atMs: number; readonly client: string; readonly broker: number }
  /** What is under way on a connection arrives late, after what the client sends on its next one. */
  | {
      readonly kind: "stall";
      readonly atMs: number;
      readonly client: string;
      readonly broker: number;
      readonly forMs: number;
    }
  | {
      readonly kind: "partition";
      readonly atMs: number;
      readonly client: string;
      readonly broker: number;
      readonly forMs: number;
    }
  | {
      readonly kind: "slow-link";
      readonly atMs: number;
      readonly client: string;
      readonly broker: number;
      readonly forMs: number;
      readonly byMs: number;
    }
  | { readonly kind: "controller-crash"; readonly atMs: number; readonly downMs: number }
  /** Calls between the broker and the controller fail, in both directions. */
  | { readonly kind: "controller-cut"; readonly atMs: number; readonly broker: number; readonly forMs: number }
  /** The object store fails whatever it is asked, though it carries some of it out. */
  | { readonly kind: "objects-down"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "objects-slow"; readonly atMs: number; readonly forMs: number; readonly byMs: number }
  /** Calls between the broker and all others fail, in both directions. */
  | { readonly kind: "peer-cut"; readonly atMs: number; readonly broker: number; readonly forMs: number }
  | { readonly kind: "controller-slow"; readonly atMs: number; readonly forMs: number; readonly byMs: number }
  | { readonly kind: "client-hang"; readonly atMs: number; readonly client: string; readonly forMs: number };
