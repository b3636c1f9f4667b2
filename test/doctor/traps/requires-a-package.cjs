#!/usr/bin/env node
// The package was never installed here.
require("your-application").serve();
