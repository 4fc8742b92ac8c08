#!/usr/bin/env node
// npm's solc as forge wants a compiler: it asks for a version and gives standard JSON.
const solc = require('solc')
if (process.argv.includes('--version')) {
	const version = solc.version().replace('Emscripten.clang', 'Linux.g++')
	console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`)
} else {
	process.stdout.write(solc.compile(require('fs').readFileSync(0, 'utf8')))
}
