import { expect, it } from "vitest";
import { ConsoleProblem } from "../problem.ts";
import { addressUrl, dialed, parseAddress } from "./address.ts";

it.each([
  ["10.0.0.1", "10.0.0.1", "https://10.0.0.1:443/"],
  [" XCP1.lan ", "xcp1.lan", "https://xcp1.lan:443/"],
  ["https://xcp1.lan/", "xcp1.lan", "https://xcp1.lan:443/"],
  ["https://xcp1.lan:443", "xcp1.lan", "https://xcp1.lan:443/"],
  ["xcp1.lan:8443", "xcp1.lan:8443", "https://xcp1.lan:8443/"],
  ["2001:db8::1", "2001:db8::1", "https://[2001:db8::1]:443/"],
  ["[2001:db8::1]", "2001:db8::1", "https://[2001:db8::1]:443/"],
  ["[2001:db8::1]:8443", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443/"],
])("reads %j", (text, key, url) => {
  const address = parseAddress(text);
  expect([address.text, addressUrl(address)]).toEqual([key, url]);
});

it.each([
  "",
  "http://xcp1.lan",
  "root@xcp1.lan",
  "xcp1.lan:0",
  "xcp1.lan:70000",
  "xcp1.lan/path",
  "two words",
  "[nonsense]",
])("refuses %j with a sentence", (text) => {
  expect(() => parseAddress(text)).toThrow(ConsoleProblem);
});

it("dials where the map leads, and the address itself otherwise", () => {
  const map = { "10.77.0.1:443": "127.0.0.1:40001" };
  expect(dialed(parseAddress("10.77.0.1"), map)).toEqual({ host: "127.0.0.1", port: 40001 });
  expect(dialed(parseAddress("10.77.0.2"), map)).toEqual({ host: "10.77.0.2", port: 443 });
});
