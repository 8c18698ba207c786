/** Check that each file is a valid module: `node --check` for many files in one process. */

import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";

for (const file of process.argv.slice(2)) new SourceTextModule(readFileSync(file, "utf8"), { identifier: file });
