// The page with urql.

import { createUrql, followCatalogue } from './urql.js';
import { openClient, show } from './catalogue.js';

followCatalogue(createUrql(openClient()), show, console.error);
