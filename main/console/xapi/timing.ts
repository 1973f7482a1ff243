/** Every delay of the connection to a pool, in milliseconds unless the name says otherwise. */
export interface LinkTiming {
  /** how long the coordinator may hold an event call before it answers that nothing happened */
  readonly eventWaitMs: number;
  /** an event call unanswered for this much longer means silence */
  readonly eventGraceMs: number;
  /** TCP and TLS to one address */
  readonly connectMs: number;
  /** a refused password takes a coordinator 5 s, on purpose */
  readonly loginMs: number;
  /** from the session to the first complete picture */
  readonly firstPictureMs: number;
  /** an ordinary call; long work goes through tasks */
  readonly callMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** how long a supporter is given to say that it is one, before a coordinator is assumed */
  readonly roleAnswerMs: number;
  /** how often a task is asked for when its events do not come */
  readonly taskLookMs: number;
}

/**
 * Silence is noticed after eventWaitMs + eventGraceMs = 8 s at the latest, under the promised 10 s;
 * the grace is long because a large pool on a busy coordinator may take seconds for one answer.
 * A member that is back is tried after retryMaxMs + connectMs at the latest, and then needs a login
 * and a picture: under the promised 5 s, because a hanging attempt is answered when its peer
 * returns.
 */
export const linkTiming: LinkTiming = {
  eventWaitMs: 1_500,
  eventGraceMs: 6_500,
  connectMs: 2_000,
  loginMs: 9_000,
  firstPictureMs: 60_000,
  callMs: 600_000,
  retryFirstMs: 200,
  retryMaxMs: 1_500,
  roleAnswerMs: 1_500,
  taskLookMs: 1_000,
};
