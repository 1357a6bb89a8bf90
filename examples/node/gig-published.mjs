import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const gateway = process.env.GATEWAY_URL ?? 'http://127.0.0.1:8080';
const client = createClient({
  url: `${gateway.replace('http', 'ws')}/graphql`,
  webSocketImpl: WebSocket,
  // Without a token, the client is anonymous.
  connectionParams: process.env.TOKEN ? { authorization: `Bearer ${process.env.TOKEN}` } : {},
});
for await (const { data } of client.iterate({
  query: 'subscription { gigPublished { cursor gig { title } } }',
})) console.log(data.gigPublished);
