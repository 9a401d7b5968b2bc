// Asks a PostgreSQL server a question. Start it with host, port, user and password, and the file of an authority if the
// server's certificate is signed by one of your own:
//   node build/tools/examples/postgres-demo.js localhost 5432 me secret ca.pem

import { readFileSync } from "node:fs";
import { Postgres } from "./postgres.ts";

const [host = "localhost", port = "5432", user = "postgres", password = "", ca] = process.argv.slice(2);

const tls = ca === undefined ? {} : { ca: readFileSync(ca) };
const postgres = await Postgres.connect({ host, port: Number(port), user, password, database: "postgres", tls });
console.log(postgres.conn.tlsInfo?.protocol);
const { columns, rows } = await postgres.query("select 1 + 1 as two, 'Grüße' as greeting, null as nothing");
console.log(columns, rows);
await postgres.close();
