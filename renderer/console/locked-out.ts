/** The backend is there but will not talk to this window; trying again by itself is useless. */
export class LockedOut extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = "LockedOut";
  }
}
