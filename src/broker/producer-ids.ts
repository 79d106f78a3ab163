import type { Controller, ProducerIdBlock } from "#ports/controller.ts";

/** Hands out producer ids of the broker's block and asks the controller for the next block when it is used up (KIP-730). */
export class ProducerIds {
  readonly #controller: Controller;
  #nextId = 0;
  #endId = 0;
  #refill: Promise<void> | null = null;

  constructor(controller: Controller) {
    this.#controller = controller;
  }

  async next(): Promise<number> {
    while (this.#nextId === this.#endId) {
      // All who wait share one request to the controller.
      this.#refill ??= this.#controller
        .allocateProducerIds()
        .then((block) => this.#adopt(block))
        .finally(() => {
          this.#refill = null;
        });
      await this.#refill;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  #adopt({ firstProducerId, count }: ProducerIdBlock): void {
    this.#nextId = firstProducerId;
    this.#endId = firstProducerId + count;
  }
}
