import type { Uuid } from "#bytes/uuid.ts";

/** The randomness of the shell; the simulation gives a seeded one. */
export interface Random {
  /** A version 4 UUID in Kafka's text form (base64url, 22 characters), never a reserved one. */
  uuid(): Uuid;
  /** An integer in [0, bound). */
  below(bound: number): number;
}
