// Runs statements by every way that node-postgres has. Reads {dsn, asked: [{title, sql, parameters, writes, fails, binary}]} on stdin, writes one
// list of {way, sql, fields, rows, error} as JSON. Values keep their class: dates and buffers are written as such.
const { Client } = require('pg');
const Cursor = require('pg-cursor');

function plain(value) {
  if (Buffer.isBuffer(value)) return { buffer: value.toString('hex') };
  if (value instanceof Date) return { date: value.getTime() };
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object')
    return { [value.constructor.name]: Object.entries(value).map(([key, one]) => [key, plain(one)]) };
  return value;
}

const told = (result) => ({
  command: result.command,
  fields: result.fields.map((field) => [field.name, field.dataTypeID, field.format]),
  rows: result.rows.map(plain),
});

// What node-postgres cannot do, direct either: it waits for ever after an error in portions of rows, and reads binary
// values as text where it did not describe the portal.
const cannot = (one, binary, way) =>
  (one.fails && way === 'in portions of the protocol') || (binary && /^named|^in portions/.test(way));

const ways = {
  simple: async (client, { sql, parameters }) =>
    parameters.length ? null : told(await client.query({ text: sql, rowMode: 'array' })),
  parameterised: async (client, { sql, parameters }) => told(await client.query({ text: sql, values: parameters })),
  named: async (client, { sql, parameters, title }) =>
    told(await client.query({ name: title, text: sql, values: parameters, rowMode: 'array' })),
  'named again': (client, asked) => ways.named(client, asked),
  'in portions of the protocol': async (client, { sql, parameters }) =>
    told(await client.query({ text: sql, values: parameters, rows: 2, rowMode: 'array' })),
  cursor: async (client, { sql, parameters }) => {
    const cursor = client.query(new Cursor(sql, parameters, { rowMode: 'array' }));
    const parts = [];
    for (let rows = await cursor.read(2); rows.length; rows = await cursor.read(2)) parts.push(plain(rows));
    await cursor.close();
    return parts;
  },
  'cursor left early': async (client, { sql, parameters }) => {
    const cursor = client.query(new Cursor(sql, parameters));
    const rows = plain(await cursor.read(1));
    await cursor.close();
    return rows;
  },
};

async function main() {
  const { dsn, asked } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const answers = [];
  for (const binary of [false, true])
    await askAll(dsn, asked.filter((one) => Boolean(one.binary) === binary), binary, answers);
  process.stdout.write(JSON.stringify(answers));
}

async function askAll(dsn, asked, binary, answers) {
  const client = new Client({ connectionString: dsn, binary });
  await client.connect();
  for (const one of asked) {
    for (const [way, run] of Object.entries(ways)) {
      if (cannot(one, binary, way)) continue;
      if (one.writes) await client.query('BEGIN');
      let answer;
      try {
        answer = await run(client, one);
      } catch (error) {
        answer = { error: error.code || String(error) };
      }
      if (one.writes) await client.query('ROLLBACK');
      answers.push({ way, binary, title: one.title, answer });
    }
  }
  // all of them queued before the first is answered
  const queued = await Promise.all(asked.filter((one) => !one.writes).map(
    (one) => client.query(one.sql, one.parameters).then(told, (error) => ({ error: error.code || String(error) }))));
  answers.push({ way: 'queued', binary, title: 'all', answer: queued });
  await client.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
