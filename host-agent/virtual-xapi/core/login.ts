/** The calls that take no session: they make one. */
import type { NodeUser } from "../node.ts";
import { XapiFailure, type XapiValue } from "../value.ts";
import type { Life } from "./life.ts";

const REFUSED = "Authentication failure";

interface Credentials {
  readonly userName: string;
  readonly password: string;
  readonly originator: string;
}

function findUser(life: Life, { userName, password }: Credentials): NodeUser | null {
  const { rootPassword, users = [] } = life.options;
  const root: NodeUser = { name: "root", password: rootPassword, role: "pool-admin" };
  const known = [root, ...users].find((user) => user.name === userName);
  return known !== undefined && known.password === password ? known : null;
}

async function logInHere(
  life: Life,
  credentials: Credentials,
  via: "tcp" | "socket",
): Promise<string> {
  const { hostRef } = life.needCoordinator();
  const { userName, originator } = credentials;
  const base = { originator, hostRef, pool: false };
  if (via === "socket") {
    const name = userName === "" ? "root" : userName;
    return life.sessions.create({
      ...base,
      userName: name === "root" ? name : "root",
      role: "pool-admin",
      localSuperuser: true,
    });
  }
  const user = findUser(life, credentials);
  if (user === null) {
    await life.ports.clock.sleep(life.options.timing.badPasswordMs);
    throw new XapiFailure("SESSION_AUTHENTICATION_FAILED", userName, REFUSED);
  }
  const localSuperuser = user.name === "root";
  return life.sessions.create({ ...base, userName, role: user.role, localSuperuser });
}

async function logInWithPassword(
  life: Life,
  credentials: Credentials,
  via: "tcp" | "socket",
): Promise<string> {
  if (life.connection === null) return await logInHere(life, credentials, via);
  if (via === "tcp") throw new XapiFailure("HOST_IS_SLAVE", life.coordinatorAddress);
  const { userName, originator } = credentials;
  return String(await life.connection.request("session-create", [userName, originator]));
}

function logInLocally(life: Life, credentials: Credentials, via: "tcp" | "socket"): string {
  if (via === "tcp") {
    const user = findUser(life, credentials);
    if (user?.name !== "root") {
      throw new XapiFailure("SESSION_AUTHENTICATION_FAILED", credentials.userName, REFUSED);
    }
  }
  return life.sessions.createLocal();
}

function assertSecret(life: Life, secret: string, who: string): void {
  if (secret === life.options.poolSecret) return;
  throw new XapiFailure("SESSION_AUTHENTICATION_FAILED", who, "Pool credentials invalid");
}

/**
 * Throws `SESSION_AUTHENTICATION_FAILED`, `HOST_IS_SLAVE`. Hangs on a supporter's socket without a
 * coordinator.
 */
export async function logIn(
  life: Life,
  method: string,
  args: readonly XapiValue[],
  via: "tcp" | "socket",
): Promise<XapiValue> {
  const [first = "", second = "", , fourth = ""] = args.map(String);
  const credentials = { userName: first, password: second, originator: fourth };
  switch (method) {
    case "session.login_with_password":
      return await logInWithPassword(life, credentials, via);
    case "session.slave_local_login_with_password":
      return logInLocally(life, credentials, via);
    case "session.slave_local_login":
      assertSecret(life, first, "localhost");
      return life.sessions.createLocal();
    case "session.slave_login": {
      assertSecret(life, second, first);
      const { hostRef } = life.needCoordinator();
      return life.sessions.create({
        userName: "root",
        originator: "xapi",
        role: "pool-admin",
        pool: true,
        localSuperuser: true,
        hostRef,
      });
    }
    default:
      throw new XapiFailure("MESSAGE_METHOD_UNKNOWN", method);
  }
}

/** The coordinator's half of a login on a supporter's socket. */
export function createForMember(
  life: Life,
  hostRef: string,
  userName: string,
  originator: string,
): string {
  const name = userName === "" ? "root" : userName;
  life.log("info", `session for ${name} of a member`);
  return life.sessions.create({
    userName: "root",
    originator,
    role: "pool-admin",
    pool: false,
    localSuperuser: true,
    hostRef,
  });
}
