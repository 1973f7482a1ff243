import type { Nonce } from "./beat-wire.ts";

/*
 * Which authentic datagrams count. A letter proves nothing about its age; an answer to a question
 * asked today does. So every peer is asked with a random number, and only a datagram that brings it
 * back proves the start of the peer's agent that sent it. From then on that start's higher sequences
 * count. As soon as a new start is proven, the question changes: what an earlier start answered,
 * sent again by whomever, answers an old question.
 */

export interface GuardedBeat {
  readonly instance: Nonce;
  readonly seq: number;
  readonly challenge: Nonce;
  readonly echoes: readonly Nonce[];
}

export type Verdict =
  | { readonly status: "counted" }
  /** no round trip yet, as in the first second of every start: neither counted nor refused */
  | { readonly status: "greeting" }
  | { readonly status: "refused"; readonly reason: "old-sequence" | "older-boot" | "unproven" };

interface PeerGuard {
  /** the question that the peer has to bring back */
  question: Nonce;
  proven: { instance: Nonce; question: Nonce; seqByPath: Map<string, number> } | null;
  /** questions of starts that are not proven yet, newest last */
  candidates: Nonce[];
  greetings: number;
}

const candidatesMax = 2;
/** Greetings in a row after which it is no longer a start but somebody without a way back. */
const greetingsMax = 20;

export class BeatGuard {
  readonly #random: () => Nonce;
  readonly #peers = new Map<string, PeerGuard>();

  constructor(random: () => Nonce) {
    this.#random = random;
  }

  /** What a beat to this peer asks. */
  questionFor(peer: string): Nonce {
    return this.#guardOf(peer).question;
  }

  /** What a beat to this peer brings back. */
  echoesFor(peer: string): readonly Nonce[] {
    const { proven, candidates } = this.#guardOf(peer);
    return proven === null ? [...candidates] : [proven.question, ...candidates];
  }

  /** Judges an authentic datagram of `peer` on `path`; remembers what it asks. */
  judge(peer: string, path: string, beat: GuardedBeat): Verdict {
    const guard = this.#guardOf(peer);
    const { proven } = guard;
    if (proven?.instance === beat.instance) {
      if (beat.seq <= (proven.seqByPath.get(path) ?? -1)) {
        return { status: "refused", reason: "old-sequence" };
      }
      proven.seqByPath.set(path, beat.seq);
      proven.question = beat.challenge;
      return { status: "counted" };
    }
    if (beat.echoes.includes(guard.question)) {
      guard.proven = {
        instance: beat.instance,
        question: beat.challenge,
        seqByPath: new Map([[path, beat.seq]]),
      };
      guard.question = this.#random();
      guard.candidates = [];
      guard.greetings = 0;
      return { status: "counted" };
    }
    return this.#greet(guard, beat);
  }

  #greet(guard: PeerGuard, beat: GuardedBeat): Verdict {
    // A start that was answered carries an echo; one that carries a wrong echo spoke to an earlier
    // start of either side.
    if (guard.proven !== null && beat.echoes.length > 0) {
      this.#remember(guard, beat.challenge);
      return { status: "refused", reason: "older-boot" };
    }
    this.#remember(guard, beat.challenge);
    guard.greetings += 1;
    if (guard.greetings <= greetingsMax) return { status: "greeting" };
    return { status: "refused", reason: "unproven" };
  }

  #remember(guard: PeerGuard, question: Nonce): void {
    const others = guard.candidates.filter((known) => known !== question);
    guard.candidates = [...others, question].slice(-candidatesMax);
  }

  #guardOf(peer: string): PeerGuard {
    const known = this.#peers.get(peer);
    if (known !== undefined) return known;
    const made = { question: this.#random(), proven: null, candidates: [], greetings: 0 };
    this.#peers.set(peer, made);
    return made;
  }
}
