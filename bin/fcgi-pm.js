#!/usr/bin/env node
import "../dist/cli/fcgi-pm.js";
