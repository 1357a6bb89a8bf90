// A gateway of the test, whose access tokens live for a few seconds, and its users.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const PASSWORD = 'a password of the test';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

export class Gateway {
  static async start(program, settings) {
    const gateway = new Gateway();
    gateway.program = program;
    gateway.dir = mkdtempSync(join(tmpdir(), 'gigway-browser.'));
    const port = await freePort();
    gateway.url = `http://127.0.0.1:${port}`;
    const environment = Object.entries(process.env).filter(([name]) => !/^(GIGWAY_|DATABASE_URL|REDIS_URL)/.test(name));
    gateway.env = {
      ...Object.fromEntries(environment),
      GIGWAY_DATA_DIR: gateway.dir,
      GIGWAY_LISTEN: `127.0.0.1:${port}`,
      ...settings,
    };
    const log = openSync(join(gateway.dir, 'log'), 'a');
    gateway.process = spawn(program, ['serve'], { env: gateway.env, stdio: ['ignore', log, log] });
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const response = await fetch(`${gateway.url}/readyz`).catch(() => undefined);
      if (response?.ok) return gateway;
      await setTimeout(100);
    }
    throw new Error(`the gateway does not start: ${gateway.dir}/log`);
  }

  stop() {
    this.process.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  addUser(email, role) {
    const options = ['user', 'add', '--email', email, '--display-name', 'Ann', '--role', role, '--password-stdin'];
    execFileSync(this.program, options, { env: this.env, input: PASSWORD, stdio: ['pipe', 'ignore', 'inherit'] });
    return { email, password: PASSWORD };
  }

  async run(query, variables = {}, accessToken = undefined) {
    const headers = { 'content-type': 'application/json', ...(accessToken && { authorization: `Bearer ${accessToken}` }) };
    const response = await fetch(`${this.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await response.json();
    const userErrors = Object.values(data ?? {}).flatMap((payload) => payload?.errors ?? []);
    if (errors || userErrors.length > 0) throw new Error(JSON.stringify(errors ?? userErrors));
    return data;
  }

  // Runs a mutation of a user, with a new session: the access token lives only for seconds.
  async mutate(user, mutation, variables) {
    const signIn = 'mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { message } } }';
    const { email, password } = user;
    const data = await this.run(signIn, { input: { email, password } });
    return this.run(mutation, variables, data.signIn.session.accessToken);
  }

  // A gig that is listed.
  async publish(seller, reviewer, title) {
    const { categories } = await this.run('{ categories { id } }');
    const input = {
      title, category: categories[0].id, price: '100.00', deliveryDays: 3, revisions: 1,
      description: 'Three minutes of music, made for you alone.',
    };
    const post = 'mutation ($input: PostGigInput!) { postGig(input: $input) { gig { id } errors { message } } }';
    const { postGig } = await this.mutate(seller, post, { input });
    const decide = 'mutation ($input: DecideGigInput!) { decideGig(input: $input) { gig { id } errors { message } } }';
    const decision = { gigId: postGig.gig.id, decision: 'APPROVE', expectedVersion: 1 };
    await this.mutate(reviewer, decide, { input: decision });
    return postGig.gig.id;
  }
}
