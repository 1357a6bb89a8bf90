// The features of the console, in the order of the navigation. To add one, see the README.

import { account } from '../account/feature';
import { browse } from '../browse/feature';
import { sell } from '../sell/feature';
import type { Feature } from './feature';

export const features: readonly Feature[] = [browse, sell, account];
