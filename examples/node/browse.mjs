// Searches the catalogue and prints every gig found, page by page.
//
//     node browse.mjs [WORDS]
//
// Environment: GATEWAY_URL (http://127.0.0.1:8080). Needs Node 20 or newer and no packages. Exits with a status
// other than 0 on failure.

import { GIG_FIELDS, line, request } from './request.mjs';

const GIGS = `query ($search: String, $after: String) {
  gigs(search: $search, orderBy: RELEVANCE, first: 20, after: $after) {
    nodes { ${GIG_FIELDS} }
    pageInfo { hasNextPage endCursor }
  } }`;

const variables = { search: process.argv[2] ?? 'logo', after: null };
let page;
do {
  page = (await request(GIGS, variables)).gigs;
  for (const gig of page.nodes) console.log(line(gig));
  variables.after = page.pageInfo.endCursor;
} while (page.pageInfo.hasNextPage);
