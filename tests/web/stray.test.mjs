import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isStray } from "../../rvernet_app/ui/web/project/stray.js";

const table = JSON.parse(readFileSync(new URL("./stray.json", import.meta.url), "utf-8"));

test("copies that other programs keep are told from the photos of a person", () => {
  assert.deepEqual(table.kept.filter(isStray), []);
  assert.deepEqual(
    table.stray.filter((path) => !isStray(path)),
    [],
  );
});
