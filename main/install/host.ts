import type { z } from "zod";
import { lookCommand, verbCommand } from "../contract/host-commands.ts";
import type { HostCommand, LookId, VerbId } from "../contract/host-commands.ts";
import {
  actAnswerSchema,
  stateAnswerSchema,
  verbFailureSchema,
} from "../../host-agent/contract/verbs.ts";
import type { ActAnswer, StateAnswer } from "../../host-agent/contract/verbs.ts";
import { HostFailure } from "./shell.ts";
import type { HostShell, RunOptions } from "./shell.ts";

/* A host in the words of the roll-out: paths under its root, verbs with checked answers. */

export interface HostPaths {
  readonly root: string | null;
  at(path: string): string;
  readonly upload: string;
  uploaded(sha256: string): string;
  release(version: string): string;
  readonly current: string;
}

function hostPaths(root: string | null): HostPaths {
  const at = (path: string): string => (root === null ? path : `${root}${path}`);
  return {
    root,
    at,
    upload: at("/opt/skink/upload"),
    uploaded: (sha256) => at(`/opt/skink/upload/${sha256}`),
    release: (version) => at(`/opt/skink/releases/${version}/skink`),
    current: at("/opt/skink/current/skink"),
  };
}

export interface Host {
  readonly name: string;
  readonly paths: HostPaths;
  readonly shell: HostShell;
  look(id: LookId, ...words: readonly string[]): Promise<string>;
  verb<S extends z.ZodType>(
    schema: S,
    command: HostCommand,
    options?: RunOptions,
  ): Promise<z.infer<S>>;
  act(program: string, id: VerbId, ...words: readonly string[]): Promise<ActAnswer>;
  /** the same with standard input */
  tell(program: string, id: VerbId, stdin: string): Promise<ActAnswer>;
  state(program: string): Promise<StateAnswer>;
  command(program: string, id: VerbId, ...words: readonly string[]): HostCommand;
}

export function hostOver(shell: HostShell, name: string, root: string | null): Host {
  const paths = hostPaths(root);
  const command = (program: string, id: VerbId, ...words: readonly string[]): HostCommand =>
    verbCommand(id, root, program, ...words);
  const verb: Host["verb"] = async (schema, built, options) => {
    const { code, stdout, stderr } = await shell.run(built, options);
    return readAnswer(schema, { name, id: built.id, code, stdout, stderr });
  };
  return {
    name,
    paths,
    shell,
    command,
    verb,
    async look(id, ...words) {
      const { code, stdout, stderr } = await shell.run(lookCommand(id, ...words));
      if (code === 0) return stdout.trim();
      throw new HostFailure(
        /no space left/iu.test(stderr) ? "disk-full" : "wrong-answer",
        `“${name}” could not do “${id}”: ${firstLine(stderr) || `exit status ${code}`}.`,
        "Look at the host, then start the same again.",
        stderr.slice(0, 500),
      );
    },
    act: (program, id, ...words) => verb(actAnswerSchema, command(program, id, ...words)),
    tell: (program, id, stdin) => verb(actAnswerSchema, command(program, id), { stdin }),
    state: (program) => verb(stateAnswerSchema, command(program, "state")),
  };
}

interface Answer {
  readonly name: string;
  readonly id: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function readAnswer<S extends z.ZodType>(schema: S, answer: Answer): z.infer<S> {
  const { name, id, code, stdout, stderr } = answer;
  let value: unknown = null;
  try {
    value = JSON.parse(stdout.trim());
  } catch {
    // Said below: what came is no answer of the agent.
  }
  const good = schema.safeParse(value);
  if (good.success) return good.data;
  const bad = verbFailureSchema.safeParse(value);
  const said = bad.success ? bad.data.sentence : firstLine(stderr) || firstLine(stdout);
  const isFull = /ENOSPC|no space left/iu.test(said);
  throw new HostFailure(
    isFull ? "disk-full" : bad.success ? "verb-refused" : "wrong-answer",
    isFull
      ? `The disk of “${name}” is full.`
      : `“${name}” did not do “${id}”: ${said || `exit status ${code}`}`,
    isFull
      ? "Free some space on it, then start the same again."
      : (bad.success && bad.data.nextStep) || "Look at the host, then start the same again.",
    said,
  );
}

function firstLine(text: string): string {
  return (text.trim().split("\n")[0] ?? "").slice(0, 300);
}
