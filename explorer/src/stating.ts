/** What requests say of themselves: the purpose they are made for, and an emergency. Kept in memory alone. */

export interface Emergency {
  patient: string;
  reason: string;
  part2Emergency: boolean;
}

type Extensions = Record<string, unknown>;

export class Stating {
  purpose: string | null = null;
  emergency: Emergency | null = null;
  /** Whether the gateway has taken the declaration: from then on the patient alone is sent, until it lapses. */
  #isTaken = false;

  declare(emergency: Emergency | null): void {
    this.emergency = emergency;
    this.#isTaken = false;
  }

  /** The extensions of the next request; none where there is nothing to say. */
  extensions(): Extensions | undefined {
    const said: Extensions = {};
    if (this.purpose !== null) {
      said.purposeOfUse = this.purpose;
    }
    if (this.emergency !== null) {
      said.breakGlass = this.#isTaken ? { patient: this.emergency.patient } : this.emergency;
    }
    return Object.keys(said).length === 0 ? undefined : said;
  }

  /** The same, less a declaration that the gateway has not taken yet: only running a query declares an emergency. */
  inForce(): Extensions | undefined {
    if (this.emergency === null || this.#isTaken) {
      return this.extensions();
    }
    return this.purpose === null ? undefined : { purposeOfUse: this.purpose };
  }

  /** Told of each answer: it says when it was read in an emergency. */
  answered(answer: unknown): void {
    const { extensions } = (answer ?? {}) as { extensions?: Extensions };
    this.#isTaken ||= this.emergency !== null && extensions?.breakGlass !== undefined;
  }
}
