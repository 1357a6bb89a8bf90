// The page with Apollo Client.

import { createApollo, followCatalogue } from './apollo.js';
import { openClient, show } from './catalogue.js';

followCatalogue(createApollo(openClient()), show, console.error);
