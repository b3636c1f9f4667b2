#!/usr/bin/env node
import "../dist/fcgi-pm.js";
