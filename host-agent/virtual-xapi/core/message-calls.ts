import type { CallModule } from "../call.ts";
import { VOID, type XapiRecord, type XapiValue } from "../value.ts";
import { parseDatetime } from "../wire/coerce.ts";
import type { Life } from "./life.ts";
import type { MessageStore } from "./messages.ts";
import { parseWhere } from "./where.ts";

/**
 * `destroy_all` takes `before`, `after` (datetimes) and `priority`; what is left out matches all.
 */
function matchesFilters(
  record: XapiRecord,
  filters: { readonly [key: string]: XapiValue },
): boolean {
  const at = parseDatetime(String(record["timestamp"]));
  const { before, after, priority } = filters;
  return (
    (before === undefined || at < parseDatetime(String(before))) &&
    (after === undefined || at > parseDatetime(String(after))) &&
    (priority === undefined || record["priority"] === Number(priority))
  );
}

export function messageCalls(life: Life): CallModule {
  const store = (): MessageStore => life.needCoordinator().messages;
  return {
    calls: {
      "message.create": (_ctx, [name, priority, cls, objUuid, body]) =>
        store().create({
          name: String(name),
          priority: Number(priority),
          cls: String(cls),
          objUuid: String(objUuid),
          body: String(body),
        }),
      "message.get": (_ctx, [cls, objUuid, since]) =>
        store().about(String(cls), String(objUuid), String(since)),
      "message.get_since": (_ctx, [since]) => store().since(String(since)),
      "message.get_all": () => store().refs(),
      "message.get_all_records": () => store().all(),
      "message.get_all_records_where": (_ctx, [expression]) => {
        const matches = parseWhere(String(expression));
        return Object.fromEntries(
          Object.entries(store().all()).filter(([, record]) => matches(record)),
        );
      },
      "message.get_record": (_ctx, [self]) => store().record(String(self)),
      "message.get_by_uuid": (_ctx, [uuid]) => store().refByUuid(String(uuid)),
      "message.destroy": (_ctx, [self]) => {
        store().destroy([String(self)]);
        return VOID;
      },
      "message.destroy_many": (_ctx, [messages]) => {
        store().destroy((messages as readonly string[]).map(String));
        return VOID;
      },
      "message.destroy_all": (_ctx, [filters]) => {
        const wanted = Object.entries(store().all()).filter(([, record]) =>
          matchesFilters(record, filters as { readonly [key: string]: XapiValue }),
        );
        store().destroy(wanted.map(([ref]) => ref));
        return VOID;
      },
    },
  };
}
