#!/usr/bin/env node
/* The `skink` command of an installed or linked package: the same way in under another name. */
import "./run.mjs";
