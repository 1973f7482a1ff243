import { describe, expect, test } from "vitest";
import { refOf } from "../testing/small-pool.ts";
import { startStory, type Story } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const xmlLogin =
  "<methodCall><methodName>session.login_with_password</methodName><params>" +
  "<param><value>root</value></param><param><value><string>wrong</string></value></param>" +
  "</params></methodCall>";

function post(story: Story, path: string, body: string, host = "a") {
  return story.time.until(story.host(host).client().raw(path, body));
}

/** A supporter that has restarted without its coordinator. */
async function startInEmergency(): Promise<Story> {
  const story = await startStory(turn);
  story.host("a").cutPower();
  await story.time.until(story.host("b").killXapi());
  story.host("b").startXapi();
  await story.time.advance(60_000);
  return story;
}

describe("the wire", () => {
  test("answers XML on unknown paths, with the bare content type", async () => {
    const story = await startStory(turn);
    const reply = await post(story, "/xmlrpc", xmlLogin, "b");
    expect(reply.status).toBe(200);
    expect(reply.contentType).toBe("text/xml");
    expect(reply.body).toContain("<value>HOST_IS_SLAVE</value><value>10.0.0.1</value>");
  });

  test("writes failures in the version the JSON request had", async () => {
    const story = await startStory(turn);
    const request = { id: "x", method: "session.login_with_password", params: ["root", "wrong"] };
    const one = await post(story, "/jsonrpc", JSON.stringify(request), "b");
    expect(one.contentType).toBe("application/json");
    expect(JSON.parse(one.body)).toEqual({
      result: null,
      error: ["HOST_IS_SLAVE", "10.0.0.1"],
      id: "x",
    });
    const two = await post(story, "/jsonrpc", JSON.stringify({ ...request, jsonrpc: "2.0" }), "b");
    expect(JSON.parse(two.body)).toEqual({
      jsonrpc: "2.0",
      error: { code: 1, message: "HOST_IS_SLAVE", data: ["10.0.0.1"] },
      id: "x",
    });
  });

  test("lists its methods as a bare array in XML, inside the envelope in JSON", async () => {
    const story = await startStory(turn);
    const call = "<methodCall><methodName>system.listMethods</methodName></methodCall>";
    const xml = await post(story, "/", call);
    expect(xml.body).not.toContain("Status");
    expect(xml.body).toContain("<param><value><array><data><value>session.");
    const json = await post(
      story,
      "/jsonrpc",
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "system.listMethods", params: [] }),
    );
    const { result } = JSON.parse(json.body) as { result: string[] };
    expect(result).toContain("VM.get_all_records");
    expect(result.some((name) => name.startsWith("Async."))).toBe(false);
  });

  test.each([
    ["/", "this is not XML"],
    ["/", "<methodCall><params/></methodCall>"],
    ["/jsonrpc", "{"],
    ["/jsonrpc", JSON.stringify({ jsonrpc: "2.0", method: "VM.get_all", params: [] })],
    ["/jsonrpc", JSON.stringify({ jsonrpc: "2.0", id: null, method: "VM.get_all", params: [] })],
    ["/jsonrpc", JSON.stringify({ jsonrpc: "2.0", id: 1.5, method: "VM.get_all", params: [] })],
    ["/jsonrpc", JSON.stringify([{ jsonrpc: "2.0", id: 1, method: "VM.get_all", params: [] }])],
  ])("turns what is no call into a page, not an answer: %s %s", async (path, body) => {
    const story = await startStory(turn);
    const reply = await post(story, path, body);
    expect(reply.status).toBe(500);
    expect(reply.contentType).toBe("text/html");
  });

  test("takes a body of 300 KiB and no more, in bytes", async () => {
    const story = await startStory(turn);
    const bodyOf = (filling: string): string =>
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "VM.get_all", params: [filling] });
    const room = 300 * 1_024 - bodyOf("").length;
    expect((await post(story, "/jsonrpc", bodyOf("x".repeat(room)))).status).toBe(200);
    expect((await post(story, "/jsonrpc", bodyOf("x".repeat(room + 1)))).status).toBe(500);
    expect((await post(story, "/jsonrpc", bodyOf("\u00e9".repeat(room / 2 + 1)))).status).toBe(500);
  });

  test("in emergency mode says why, and in JSON in a shape of its own", async () => {
    const story = await startInEmergency();
    const reason = [
      "INTERNAL_ERROR",
      "No answer from the coordinator at 10.0.0.1: it cannot be reached",
    ];
    const body = JSON.stringify({ id: "mine", method: "VM.get_all", params: ["OpaqueRef:x"] });
    const json = await post(story, "/jsonrpc", body, "b");
    expect(json.status).toBe(200);
    expect(JSON.parse(json.body)).toEqual({ jsonrpc: "2.0", error: reason, id: 0 });
    const xml = await post(story, "/", xmlLogin, "b");
    expect(xml.body).toContain("<name>ErrorDescription</name>");
    expect(xml.body).toContain("<value>INTERNAL_ERROR</value>");
  });

  test("in emergency mode still answers emergency calls", async () => {
    const story = await startInEmergency();
    const local = await story.localRoot("b");
    expect(await local.call("host.is_in_emergency_mode")).toBe(true);
    expect(await local.call("pool.is_slave", refOf("host-b"))).toBe(true);
  });

  test("in emergency mode knows at once that a session is not its own", async () => {
    const story = await startInEmergency();
    const call = story.host("b").client().call("host.is_in_emergency_mode", "OpaqueRef:old");
    expect(await story.refused(call)).toEqual(["SESSION_INVALID", "OpaqueRef:old"]);
  });

  test("a supporter that merely lost its coordinator hangs and is in no emergency", async () => {
    const story = await startStory(turn);
    story.host("a").cutPower();
    await story.time.advance(700_000);
    const local = await story.localRoot("b");
    expect(await local.call("host.is_in_emergency_mode")).toBe(false);
    const read = local.begin("VM.get_all");
    expect(await story.time.hangs(read, 3_600_000)).toBe(true);
    const login = story.host("b").client().call("session.login_with_password", "root", "x");
    expect(await story.refused(login)).toEqual(["HOST_IS_SLAVE", "10.0.0.1"]);
  });

  test("a coordinator that returns wakes what hung: it asks each member whether it coordinates", async () => {
    const story = await startStory(turn);
    const local = await story.localRoot("b");
    story.host("a").cutPower();
    const read = local.begin("VM.get_name_label", refOf("vm-a1"));
    expect(await story.time.hangs(read, 3_600_000)).toBe(true);
    story.host("a").powerOn();
    expect(await story.time.hangs(read, 1_000)).toBe(false);
    expect(await read).toBe("a1");
  });

  /** A read that hangs for an hour behind a cut link, which then is whole again. */
  async function hangForAnHour() {
    const story = await startStory(turn);
    const local = await story.localRoot("b");
    story.pool.network.isolate("10.0.0.1");
    const read = local.begin("VM.get_name_label", refOf("vm-a1"));
    expect(await story.time.hangs(read, 3_600_000)).toBe(true);
    story.pool.network.heal();
    return { story, local, read, healedAt: story.time.nowMs };
  }

  test("what hung is answered minutes after the link is back: attempts get rare", async () => {
    const { story, read, healedAt } = await hangForAnHour();
    expect(await story.time.until(read)).toBe("a1");
    expect(story.time.nowMs - healedAt).toBeGreaterThan(30_000);
    expect(story.time.nowMs - healedAt).toBeLessThan(380_000);
  });

  test("what hung is answered at once when the host is asked whether it is a supporter", async () => {
    const { story, local, read, healedAt } = await hangForAnHour();
    await local.call("pool.is_slave", refOf("host-b"));
    expect(await story.time.until(read)).toBe("a1");
    expect(story.time.nowMs - healedAt).toBeLessThan(1_000);
  });
});
