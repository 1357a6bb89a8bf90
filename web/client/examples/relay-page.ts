// The page with Relay.

import { createRelay, followCatalogue } from './relay.js';
import { openClient, show } from './catalogue.js';

followCatalogue(createRelay(openClient()), show, console.error);
