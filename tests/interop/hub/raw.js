// The wire itself, frame by frame: what the official clients hide.

import { run } from './lib/checks.js';

await Promise.all(['connect', 'joins', 'broadcasts', 'presence', 'tokens', 'rest', 'switches', 'database', 'limits'].map((part) => import(`./raw/${part}.js`)));
await run();
