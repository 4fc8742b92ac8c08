#!/usr/bin/env node
// Writes typed C for the contracts out of build/contracts/NAME.json, by their ABI:
//   bindings.mjs OUT_DIR
// CONTRACT.{h,c}   a function a call (NAME_call), reader of its results (NAME_read), reader of
//                  each event (EVENT_event_read); what they stand on is eth/bind.h
// errors.{h,c}     every custom error, by selector
// artifacts.{h,c}  what `lpnode deploy` deploys: creation code, what it takes, eth/deploy.json
// A file whose content is the same is left alone, so that nothing is compiled for nothing.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const contracts_dir = 'build/contracts'
const require = createRequire(import.meta.url)
const { keccak256 } = createRequire(require.resolve('solc'))('js-sha3')

/* Those with bindings, and the second halves whose functions are reached through them. */
const bound = {
	LivepeerToken: [], Controller: [], Minter: [], RoundsManager: [], BondingManager: ['BondingExtension'],
	JobsManager: ['JobsExtension'], Verifier: ['VerifierExtension'], ServiceRegistry: [], LivepeerGovernor: [],
	BondingVotes: [], Treasury: [], GenesisClaim: [], LivepeerTokenFaucet: [],
}
const abi_of = name => JSON.parse(readFileSync(join(contracts_dir, `${name}.json`))).abi

// ---- names ----

const keywords = new Set(('auto break case char const continue default do double else enum extern float for goto if ' +
	'inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void ' +
	'volatile while bool true false asm typeof').split(' '))

/* numActiveTranscoders: num_active_transcoders; DOMAIN_SEPARATOR: domain_separator */
const snake = s => s.replace(/^_+|_+$/g, '').replace(/([a-z0-9])([A-Z])/g, '$1_$2')
	.replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2').toLowerCase()

/* A function that never gives the same name twice: the second is NAME_2. */
function namer(seen = new Set()) {
	return name => {
		let unique = keywords.has(name) ? `${name}_` : name
		for (let i = 2; seen.has(unique); i++) unique = `${name}_${i}`
		seen.add(unique)
		return unique
	}
}

// ---- types ----

const type_of = p => p.type.startsWith('tuple') ? `(${p.components.map(type_of)})${p.type.slice(5)}` : p.type
const types_of = list => `(${list.map(type_of)})`
const signature = f => f.name + types_of(f.inputs)

/* How a type looks in C: kind as eth/bind.h has it, the C type, N of bytesN. */
function c_type(c, p) {
	const array = /^(.*)\[\]$/.exec(p.type)
	if (array) return { kind: 'ARRAY', item: c_type(c, { ...p, type: array[1], internalType: p.internalType?.slice(0, -2) }) }
	if (p.type === 'tuple') return { kind: 'STRUCT', shape: c.struct(p) }
	const uint = /^uint(\d+)$/.exec(p.type)
	if (uint) return uint[1] <= 64 ? { kind: 'U64', c: 'uint64_t' } : { kind: 'U256', c: 'struct u256' }
	const fixed = /^bytes(\d+)$/.exec(p.type)
	if (fixed && fixed[1] !== '32') return { kind: 'FIXED', c: 'uint8_t', n: Number(fixed[1]) }
	const plain = {
		address: ['ADDR', 'struct eth_addr'], bool: ['BOOL', 'bool'], bytes32: ['HASH', 'struct hash32'],
		bytes: ['BYTES', 'struct bind_bytes'], string: ['STRING', 'char *'],
	}[p.type]
	if (!plain) throw new Error(`${p.type} ${p.name}: bindings know no such type`)
	return { kind: plain[0], c: plain[1] }
}

const c_name = t => t.kind === 'STRUCT' ? `struct ${t.shape.tag}` : t.c
const owns = t => ['BYTES', 'STRING', 'ARRAY'].includes(t.kind) || (t.kind === 'STRUCT' && t.shape.fields.some(f => owns(f.t)))
const pointer = text => text.endsWith('*') ? `${text}*` : `${text} *`
const spaced = text => text.endsWith('*') ? text : `${text} `

/* Members with their C names; what ABIs leave unnamed is `value`, or v0, v1 ... */
function fields_of(c, params, unnamed) {
	const name = namer()
	return params.map((p, i) => {
		const t = c_type(c, p)
		const f = { t, type: p.type, name: name(snake(p.name) || (unnamed ?? (params.length > 1 ? `v${i}` : 'value'))) }
		if (t.kind === 'ARRAY') f.count = name(`n_${f.name}`)
		return f
	})
}

/* A field as a struct's member; in arguments' structs pointers are to what is only read. */
function member(f, borrowed) {
	const note = /^(address|bool|bytes32|bytes|string|uint256|tuple)$/.test(f.type.replace('[]', '')) ? '' : `\t/* ${f.type} */`
	const constant = borrowed ? 'const ' : ''
	if (f.t.kind === 'ARRAY') {
		if (f.t.item.kind === 'ARRAY' || f.t.item.kind === 'FIXED') throw new Error(`${f.name}: ${f.type} in an array`)
		return `\t${constant}${spaced(pointer(c_name(f.t.item)))}${f.name};${note}\n\tsize_t ${f.count};\n`
	}
	if (f.t.kind === 'FIXED') return `\tuint8_t ${f.name}[${f.t.n}];${note}\n`
	return `\t${f.t.kind === 'STRING' ? constant : ''}${spaced(c_name(f.t))}${f.name};${note}\n`
}
const members = (fields, borrowed) => fields.map(f => member(f, borrowed)).join('') || '\tchar nothing;\n'

/* The table of a struct's fields: lines of `static const struct bind_field`. */
const field_rows = (c, tag, fields) => fields.map(f => {
	const at = `offsetof(struct ${tag}, ${f.name})`
	switch (f.t.kind) {
	case 'ARRAY': return `\t{ BIND_ARRAY, 0, ${at}, offsetof(struct ${tag}, ${f.count}), &${c.item_shape(f.t.item)} },\n`
	case 'STRUCT': return `\t{ BIND_STRUCT, 0, ${at}, 0, &${f.t.shape.tag}_shape },\n`
	default: return `\t{ BIND_${f.t.kind}, ${f.t.n ?? 0}, ${at}, 0, NULL },\n`
	}
}).join('')

const field_table = (c, name, tag, fields) =>
	fields.length ? `static const struct bind_field ${name}[] = {\n${field_rows(c, tag, fields)}};\n` : ''
const shape = (title, type, tag, table, n) =>
	`{ "${title}", ${type ? `"${type}"` : 'NULL'}, sizeof(struct ${tag}), ${n ? table : 'NULL'}, ${n} }`

const bytes = hex => hex.match(/../g).map(b => `0x${b}`).join(', ')
const selector = f => bytes(keccak256(signature(f)).slice(0, 8))

// ---- one contract ----

class Contract {
	constructor(name, abi) {
		this.title = name
		this.prefix = snake(name)
		this.abi = abi
		this.tagged = new Set()
		this.tag = namer(this.tagged)
		this.structs = new Map()	/* internal type: { tag, fields } */
		this.items = new Map()		/* C type of an array's item: its shape's name */
		this.h = ''
		this.c = ''
	}

	/* Not `this.c +=`: what is made of the text may add what it stands on first. */
	emit(text) {
		this.c += text
	}

	/* The C struct of a Solidity struct, made when first seen. */
	struct(p) {
		const known = this.structs.get(p.internalType)
		if (known) {
			if (known.type !== type_of(p)) throw new Error(`${this.title}: two kinds of ${p.internalType}`)
			return known
		}
		const s = { type: type_of(p), fields: fields_of(this, p.components) }
		s.tag = this.tag(`${this.prefix}_${snake(p.internalType.replace(/^struct (.*\.)?/, ''))}`)
		this.structs.set(p.internalType, s)
		this.h += `struct ${s.tag} {\n${members(s.fields)}};\n\n`
		this.emit(field_table(this, `${s.tag}_fields`, s.tag, s.fields))
		this.emit(`static const struct bind_shape ${s.tag}_shape = ${shape(s.tag, null, s.tag, `${s.tag}_fields`, s.fields.length)};\n\n`)
		return s
	}

	/* The shape of one item of an array: a struct of one nameless field. */
	item_shape(t) {
		if (t.kind === 'STRUCT') return this.struct_item(t.shape)
		const name = `item_${t.kind.toLowerCase()}`
		if (!this.items.has(name)) {
			this.items.set(name, true)
			this.emit(`static const struct bind_field ${name}_field = { BIND_${t.kind}, 0, 0, 0, NULL };\n` +
				`static const struct bind_shape ${name} = { "item", NULL, sizeof(${c_name(t)}), &${name}_field, 1 };\n\n`)
		}
		return name
	}

	struct_item(s) {
		const name = `${s.tag}_item`
		if (!this.items.has(name)) {
			this.items.set(name, true)
			this.emit(`static const struct bind_field ${name}_field = { BIND_STRUCT, 0, 0, 0, &${s.tag}_shape };\n` +
				`static const struct bind_shape ${name} = { "item", NULL, sizeof(struct ${s.tag}), &${name}_field, 1 };\n\n`)
		}
		return name
	}

	/* An argument in a prototype, and how it gets into the arguments' struct. */
	argument(f) {
		const by_pointer = ['U256', 'ADDR', 'HASH', 'STRUCT'].includes(f.t.kind)
		if (f.t.kind === 'ARRAY')
			return [`const ${spaced(pointer(c_name(f.t.item)))}${f.name}, size_t ${f.count}`, `.${f.name} = ${f.name}, .${f.count} = ${f.count}`]
		if (f.t.kind === 'FIXED') return [`const uint8_t ${f.name}[${f.t.n}]`, '']
		if (f.t.kind === 'STRING') return [`const char *${f.name}`, `.${f.name} = ${f.name}`]
		if (f.t.kind === 'BYTES')
			return [`const void *${f.name}, size_t n_${f.name}`, `.${f.name} = { (uint8_t *)(uintptr_t)${f.name}, n_${f.name} }`]
		if (by_pointer) return [`const ${c_name(f.t)} *${f.name}`, `.${f.name} = *${f.name}`]
		return [`${c_name(f.t)} ${f.name}`, `.${f.name} = ${f.name}`]
	}

	call(f, name) {
		const fields = fields_of(this, f.inputs.map((p, i) => ({ ...p, name: p.name.replace(/_/g, '') ? p.name : `a${i}` })))
		const buf = namer(new Set(fields.flatMap(x => [x.name, x.count, `n_${x.name}`])))('data')
		const args = fields.map(x => this.argument(x))
		const prototype = `void ${name}_call(${[`struct buf *${buf}`, ...args.map(a => a[0])].join(', ')})`
		const table = field_table(this, `${name}_args_fields`, `${name}_args`, fields)
		const copies = fields.filter(x => x.t.kind === 'FIXED').map(x => `\tmemcpy(a.${x.name}, ${x.name}, ${x.t.n});\n`).join('')
		const set = args.map(a => a[1]).filter(Boolean).join(', ')
		this.h += `/* ${signature(f)}${f.stateMutability === 'payable' ? ' payable' : ''} */\n${prototype};\n`
		this.emit(`struct ${name}_args {\n${members(fields, true)}};\n${table}` +
			`static const struct bind_shape ${name}_args_shape =\n\t${shape(`${this.title}.${f.name}`, types_of(f.inputs), `${name}_args`, `${name}_args_fields`, fields.length)};\n` +
			`${prototype}\n{\n\tstatic const struct abi_selector sel = { { ${selector(f)} } };\n` +
			`\tstruct ${name}_args a = { ${set || '0'} };\n\n${copies}\tbind_call(${buf}, &sel, &${name}_args_shape, &a);\n}\n\n`)
	}

	/* The functions that a struct with memory of its own needs. */
	fini(fields, prototype, shape_name) {
		if (!fields.some(f => owns(f.t))) return
		this.h += `${prototype};\n`
		this.emit(`${prototype}\n{\n\tbind_fini(r, &${shape_name});\n}\n\n`)
	}

	read(f, name) {
		const fields = fields_of(this, f.outputs)
		const tag = this.tag(this.tagged.has(name) ? `${name}_result` : name)
		const prototype = `int ${name}_read(struct ${tag} *r, const void *p, size_t n, struct err *err)`
		this.h += `struct ${tag} {\n${members(fields)}};\n${prototype};\n`
		this.emit(field_table(this, `${name}_result_fields`, tag, fields) +
			`static const struct bind_shape ${name}_result =\n\t${shape(`${this.title}.${f.name}`, types_of(f.outputs), tag, `${name}_result_fields`, fields.length)};\n` +
			`${prototype}\n{\n\treturn bind_read(r, &${name}_result, p, n, err);\n}\n\n`)
		this.fini(fields, `void ${name}_fini(struct ${tag} *r)`, `${name}_result`)
	}

	event(e, name) {
		const as_hash = p => /^(string|bytes|tuple)|\[/.test(p.type) && p.indexed ? { name: p.name, type: 'bytes32', indexed: true } : p
		const inputs = e.inputs.map(as_hash)
		const fields = fields_of(this, inputs)
		const tag = this.tag(`${name}_event`)
		const indexed = fields.filter((_, i) => inputs[i].indexed), data = fields.filter((_, i) => !inputs[i].indexed)
		const title = `${this.title}.${e.name}`
		const prototype = `int ${name}_event_read(struct ${tag} *r, const struct eth_log *log, struct err *err)`
		this.h += `/* event ${signature(e)} */\nstruct ${tag} {\n${members(fields)}};\n` +
			`const struct hash32 *${name}_topic(void);\n${prototype};\n`
		this.emit(field_table(this, `${tag}_indexed`, tag, indexed) + field_table(this, `${tag}_data`, tag, data) +
			`static const struct bind_event ${tag} = {\n\t"${title}", { { ${bytes(keccak256(signature(e)))} } },\n` +
			`\t${shape(title, types_of(inputs.filter(p => p.indexed)), tag, `${tag}_indexed`, indexed.length)},\n` +
			`\t${shape(title, types_of(inputs.filter(p => !p.indexed)), tag, `${tag}_data`, data.length)}\n};\n` +
			`const struct hash32 *${name}_topic(void)\n{\n\treturn &${tag}.topic;\n}\n\n` +
			`${prototype}\n{\n\treturn bind_event_read(r, &${tag}, log, err);\n}\n\n`)
		this.fini(fields, `void ${name}_event_fini(struct ${tag} *r)`, `${tag}.data`)
		this.h += '\n'
	}

	write() {
		const of = type => this.abi.filter(i => i.type === type && !i.anonymous)
		const function_name = namer(), event_name = namer()
		// Structs first: a function's results of the same name become NAME_result.
		for (const f of [...of('function'), ...of('event')])
			for (const p of [...f.inputs, ...(f.outputs ?? [])]) c_type(this, p.indexed ? { type: 'bytes32' } : p)
		for (const f of of('function')) {
			const name = function_name(`${this.prefix}_${snake(f.name)}`)
			this.call(f, name)
			if (f.outputs.length) this.read(f, name)
			this.h += '\n'
		}
		for (const e of of('event')) this.event(e, event_name(`${this.prefix}_${snake(e.name)}`))
		return this
	}
}

/* The ABI of a contract and its other half, each function, event and error once. */
function union(names) {
	const seen = new Set()
	return names.flatMap(abi_of).filter(i => {
		const key = i.name ? `${i.type} ${signature(i)}` : i.type
		return !seen.has(key) && seen.add(key)
	})
}

const made_by = '/* Made by scripts/bindings.mjs: do not edit. */\n'
const guarded = (name, includes, body) => {
	const guard = `LP_BIND_${name.toUpperCase()}_H`
	return `#ifndef ${guard}\n#define ${guard}\n${made_by}${includes.map(i => `#include "${i}"\n`).join('')}\n${body}#endif\n`
}

function contract_files(name) {
	const c = new Contract(name, union([name, ...bound[name]])).write()
	return {
		[`${c.prefix}.h`]: guarded(c.prefix, ['eth/answer.h', 'eth/bind.h'], `struct err;\n\n${c.h}`),
		[`${c.prefix}.c`]: `${made_by}#include "bind/${c.prefix}.h"\n\n#include <stddef.h>\n#include <string.h>\n\n${c.c}`,
	}
}

// ---- errors ----

function all_errors() {
	const names = readdirSync(contracts_dir).filter(f => f.endsWith('.json')).map(f => f.slice(0, -5)).sort()
	const errors = union(names).filter(i => i.type === 'error')
		.map(e => ({ name: e.name, sel: keccak256(signature(e)).slice(0, 8), params: e.inputs.map(p => `${type_of(p)} ${p.name}`.trim()).join(',') }))
		.sort((a, b) => a.sel < b.sel ? -1 : 1)
	for (let i = 1; i < errors.length; i++)
		if (errors[i].sel === errors[i - 1].sel) throw new Error(`${errors[i].name} and ${errors[i - 1].name} have one selector`)
	return errors
}

function error_files() {
	const rows = all_errors().map(e => `\t{ { { ${bytes(e.sel)} } }, "${e.name}", "${e.params}" },\n`)
	return {
		'errors.h': guarded('errors', ['eth/bind.h'],
			'/* Every custom error of the contracts, by selector. */\nextern const struct bind_error bind_errors[];\n' +
			'extern const size_t n_bind_errors;\n/* NULL when none of ours has it. */\n' +
			'const struct bind_error *bind_error_find(const uint8_t sel[4]);\n\n'),
		'errors.c': `${made_by}#include "bind/errors.h"\n\n#include <stdlib.h>\n#include <string.h>\n\n` +
			`const struct bind_error bind_errors[] = {\n${rows.join('')}};\nconst size_t n_bind_errors = ${rows.length};\n\n` +
			'static int compare(const void *sel, const void *e)\n{\n\treturn memcmp(sel, ((const struct bind_error *)e)->sel.b, 4);\n}\n\n' +
			'const struct bind_error *bind_error_find(const uint8_t sel[4])\n{\n' +
			'\treturn bsearch(sel, bind_errors, n_bind_errors, sizeof(bind_errors[0]), compare);\n}\n',
	}
}

// ---- artifacts ----

/* Tables of parameters, the inner ones first; returns the name of the table, or NULL. */
function param_table(out, params) {
	if (!params?.length) return 'NULL'
	const rows = params.map(p => {
		const inner = param_table(out, p.components)
		return `\t{ "${p.name.replace(/^_+|_+$/g, '')}", "${type_of(p)}", ${inner}, ${p.components?.length ?? 0} },\n`
	})
	const name = `params_${out.n++}`
	out.text += `static const struct bind_param ${name}[] = {\n${rows.join('')}};\n`
	return name
}

function function_row(out, f) {
	const inputs = param_table(out, f.inputs)
	const view = ['view', 'pure'].includes(f.stateMutability)
	return `{ "${f.name}", "${signature(f)}", "${types_of(f.outputs ?? [])}", ${view}, ${inputs}, ${f.inputs.length} }`
}

const by_name = (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : signature(a) < signature(b) ? -1 : 1

function artifact_row(out, dir, name) {
	const path = join(dir, `${name}.bin`)
	const abi = union([name, ...(bound[name] ?? [])])
	const made = abi.find(i => i.type === 'constructor') ?? { inputs: [] }
	const constructor = function_row(out, { ...made, name: 'constructor' })
	const functions = abi.filter(i => i.type === 'function').sort(by_name).map(f => `\t${function_row(out, f)},\n`)
	out.text += `static const struct bind_function functions_${name}[] = {\n${functions.join('')}};\n` +
		`__asm__(".section .rodata\\nlp_code_${name}: .incbin \\"${path}\\"\\nlp_code_${name}_end: .byte 0\\n.previous\\n"\n` +
		`\t".globl lp_code_${name}, lp_code_${name}_end\\n");\nextern const uint8_t lp_code_${name}[], lp_code_${name}_end[];\n\n`
	return `\t{ "${name}", lp_code_${name}, lp_code_${name}_end,\n\t  ${constructor},\n\t  functions_${name}, ${functions.length} },\n`
}

function artifact_files(dir) {
	const plan = readFileSync('eth/deploy.json')
	const steps = JSON.parse(plan).steps.filter(s => ['deploy', 'implement'].includes(s.do)).map(s => s.contract)
	const names = [...new Set([...steps, 'ManagerProxy'])].sort()
	const out = { text: '', n: 0 }
	const rows = names.map(name => artifact_row(out, dir, name))
	const files = Object.fromEntries(names.map(name => {
		const { bytecode } = JSON.parse(readFileSync(join(contracts_dir, `${name}.json`)))
		return [`${name}.bin`, Buffer.from(bytecode.object.slice(2), 'hex')]
	}))
	return {
		...files,
		'deploy.json': plan,
		'artifacts.h': guarded('artifacts', ['eth/bind.h'],
			'/* The contracts that eth/deploy.json creates, by name, and its text. */\n' +
			'extern const struct bind_artifact bind_artifacts[];\nextern const size_t n_bind_artifacts;\n' +
			'extern const char bind_deploy_json[], bind_deploy_json_end[];\n\n'),
		'artifacts.c': `${made_by}#include "bind/artifacts.h"\n\n${out.text}` +
			`__asm__(".section .rodata\\nbind_deploy_json: .incbin \\"${join(dir, 'deploy.json')}\\"\\nbind_deploy_json_end: .byte 0\\n.previous\\n"\n` +
			'\t".globl bind_deploy_json, bind_deploy_json_end\\n");\n\n' +
			`const struct bind_artifact bind_artifacts[] = {\n${rows.join('')}};\nconst size_t n_bind_artifacts = ${names.length};\n`,
	}
}

// ---- files ----

function write(dir, files) {
	for (const [name, content] of Object.entries(files)) {
		const path = join(dir, name)
		if (!existsSync(path) || !readFileSync(path).equals(Buffer.from(content))) writeFileSync(path, content)
	}
}

function main([dir]) {
	if (!dir) throw new Error('usage: bindings.mjs OUT_DIR')
	mkdirSync(dir, { recursive: true })
	for (const name of Object.keys(bound)) write(dir, contract_files(name))
	write(dir, error_files())
	write(dir, artifact_files(dir))
}

main(process.argv.slice(2))
