// The browse page in Mercurius, with compiled queries (`jit`) and loaders that batch the reads of related rows.

import cluster from 'node:cluster';
import Fastify from 'fastify';
import mercurius from 'mercurius';
import pg from 'pg';

// Parses int8 as a number: cents and points are far below 2^53.
pg.types.setTypeParser(20, Number);

// The number of processes: one as in the documentation, or one for each processor.
const WORKERS = Number(process.env.WORKERS ?? 1);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

const schema = `
  type Query { gigs(category: ID!, first: Int = 20): GigConnection! }
  type GigConnection { nodes: [Gig!]! pageInfo: PageInfo! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type Money { amount: String! currencyCode: String! }
  type Category { name: String! }
  type User { id: ID! displayName: String! level: Int! verified: Boolean! }
  type GigImage { id: ID! url: String! width: Int! height: Int! }
  type Gig {
    id: ID! title: String! price: Money! deliveryDays: Int!
    category: Category! seller: User! images: [GigImage!]!
  }
`;

const PAGE = {
  name: 'page',
  text: `SELECT id, title, price_cents, delivery_days, category_id, seller_id, published_at
    FROM gig WHERE status = 'ACTIVE' AND category_id = $1
    ORDER BY published_at DESC, id DESC LIMIT $2`,
};
const SELLERS = {
  name: 'sellers',
  text: 'SELECT id, display_name, points, verified_at FROM "user" WHERE id = ANY($1)',
};
const CATEGORIES = { name: 'categories', text: 'SELECT id, name FROM category WHERE id = ANY($1)' };
const IMAGES = {
  name: 'images',
  text: 'SELECT id, gig_id, width, height FROM gig_image WHERE gig_id = ANY($1) ORDER BY gig_id, ordinal',
};

const read = async (statement, ...values) => (await pool.query({ ...statement, values })).rows;

// Indexes rows by a column.
const byKey = (rows, column) => new Map(rows.map((row) => [row[column], row]));

const resolvers = {
  Query: {
    async gigs(_, { category, first }) {
      const rows = await read(PAGE, category, first + 1);
      const nodes = rows.slice(0, first);
      const last = nodes.at(-1);
      const endCursor = last
        ? Buffer.from(`${last.published_at.getTime()}:${last.id}`).toString('base64url')
        : null;
      return { nodes, pageInfo: { hasNextPage: rows.length > first, endCursor } };
    },
  },
  Gig: {
    price: (gig) => ({ amount: (gig.price_cents / 100).toFixed(2), currencyCode: 'USD' }),
    deliveryDays: (gig) => gig.delivery_days,
  },
};

const loaders = {
  Gig: {
    async category(queries) {
      const ids = [...new Set(queries.map(({ obj }) => obj.category_id))];
      const rowsById = byKey(await read(CATEGORIES, ids), 'id');
      return queries.map(({ obj }) => rowsById.get(obj.category_id));
    },
    async seller(queries) {
      const ids = [...new Set(queries.map(({ obj }) => obj.seller_id))];
      const rowsById = byKey(await read(SELLERS, ids), 'id');
      return queries.map(({ obj }) => {
        const { id, display_name: displayName, points, verified_at: verifiedAt } = rowsById.get(obj.seller_id);
        return { id, displayName, level: Math.floor(points / 1000), verified: verifiedAt !== null };
      });
    },
    async images(queries) {
      const rowsById = new Map(queries.map(({ obj }) => [obj.id, []]));
      for (const { id, gig_id: gigId, width, height } of await read(IMAGES, [...rowsById.keys()])) {
        rowsById.get(gigId).push({ id, url: `http://127.0.0.1/media/${id}.jpg`, width, height });
      }
      return queries.map(({ obj }) => rowsById.get(obj.id));
    },
  },
};

if (cluster.isPrimary && WORKERS > 1) {
  let ready = 0;
  cluster.on('listening', (_, { port }) => {
    ready += 1;
    if (ready === WORKERS) console.log(`mercurius serves on http://127.0.0.1:${port}/`);
  });
  for (let worker = 0; worker < WORKERS; worker += 1) cluster.fork();
} else {
  const app = Fastify();
  // With `jit: 1`, a document is parsed once and compiled after its first use. Loaders cache within a request.
  app.register(mercurius, { schema, resolvers, loaders, jit: 1 });
  await app.listen({ port: 0, host: '127.0.0.1' });
  if (!cluster.isWorker) console.log(`mercurius serves on http://127.0.0.1:${app.server.address().port}/`);
}
