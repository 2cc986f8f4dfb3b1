// docs.js - shows an OpenAPI document, and lets one try what it describes. Text only ever becomes
// text nodes: nothing of the document is taken for HTML.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'trace'];
const byId = (id) => document.getElementById(id);
let api = null;

function make(name, text, className) {
    const node = document.createElement(name);
    if (text !== undefined) {
        node.textContent = text;
    }
    if (className) {
        node.className = className;
    }
    return node;
}

// What "#/components/schemas/Note" refers to.
function resolve(schema) {
    const match = schema && schema.$ref && /^#\/components\/schemas\/(.+)$/.exec(schema.$ref);
    return match ? api.components.schemas[match[1]] || {} : schema || {};
}

// "array of Note", "integer, 1 to 100".
function typeOf(schema) {
    if (!schema) {
        return '';
    }
    if (schema.$ref) {
        return schema.$ref.split('/').pop();
    }
    if (schema.type === 'array') {
        return 'array of ' + typeOf(schema.items);
    }
    const parts = [[].concat(schema.type || 'any').join(' or ')];
    if (schema.format) {
        parts[0] += ' (' + schema.format + ')';
    }
    for (const [low, high, noun] of [['minimum', 'maximum', ''], ['minLength', 'maxLength', ' long']]) {
        if (schema[low] !== undefined || schema[high] !== undefined) {
            parts.push(`${schema[low] ?? '…'} to ${schema[high] ?? '…'}${noun}`);
        }
    }
    if (schema.enum) {
        parts.push('one of ' + schema.enum.join(', '));
    }
    if (schema.default !== undefined) {
        parts.push('default ' + schema.default);
    }
    return parts.join(', ');
}

// A value that a schema might have, to begin with.
function example(schema, depth = 0) {
    const real = resolve(schema);
    const type = [].concat(real.type || 'object')[0];
    if (real.default !== undefined) {
        return real.default;
    }
    if (real.enum) {
        return real.enum[0];
    }
    if (type === 'object') {
        const value = {};
        for (const [name, inner] of Object.entries(depth < 4 ? real.properties || {} : {})) {
            value[name] = example(inner, depth + 1);
        }
        return value;
    }
    if (type === 'array') {
        return depth < 4 && real.items ? [example(real.items, depth + 1)] : [];
    }
    return {string: '', integer: real.minimum ?? 0, number: real.minimum ?? 0, boolean: false}[type] ?? null;
}

function bodyOf(operation) {
    const content = operation.requestBody && operation.requestBody.content;
    const type = content && Object.keys(content)[0];
    return type ? {type, schema: content[type].schema} : null;
}

function addParameter(table, parameter) {
    const row = make('tr');
    const label = make('td');
    const input = make('input');
    const cell = make('td');
    label.append(make('code', parameter.name), make('span', parameter.required ? ' *' : ''));
    label.append(make('div', `${parameter.in}, ${typeOf(parameter.schema)}`, 'note'));
    if (parameter.description) {
        label.append(make('div', parameter.description, 'note'));
    }
    input.name = parameter.name;
    input.dataset.in = parameter.in;
    input.required = Boolean(parameter.required);
    input.ariaLabel = parameter.name;
    if (parameter.schema && parameter.schema.type === 'array') {
        input.dataset.list = 'yes';
        input.placeholder = 'separated by commas';
    }
    if (parameter.in === 'cookie') {
        // A script cannot say which cookies go along.
        input.disabled = true;
        input.placeholder = 'what the browser has';
    }
    cell.append(input);
    row.append(label, cell);
    table.append(row);
}

function describeSchemas(place, operation) {
    const body = bodyOf(operation);
    const parts = body ? [['Request: ' + typeOf(body.schema), body.schema]] : [];
    for (const [status, response] of Object.entries(operation.responses || {})) {
        const content = response.content && Object.values(response.content)[0];
        parts.push([`${status} ${response.description}`, content && content.schema]);
    }
    for (const [title, schema] of parts) {
        place.append(make('h3', title));
        if (schema) {
            const real = resolve(schema.type === 'array' ? schema.items : schema);
            place.append(make('pre', JSON.stringify(real, null, 2), 'schema'));
        }
    }
}

// The paths of the document begin where this page's own does.
function base() {
    const own = api['x-docs-path'] || '';
    const path = location.pathname;
    return path.endsWith(own) ? path.slice(0, path.length - own.length) : '';
}

function targetOf(form, path) {
    const query = new URLSearchParams();
    for (const input of form.querySelectorAll('input[name]')) {
        if (input.dataset.in === 'path') {
            // {rest:path} has slashes that stay.
            const value = input.value.split('/').map(encodeURIComponent).join('/');
            path = path.replace(`{${input.name}}`, value);
        } else if (input.dataset.in === 'query' && input.value !== '') {
            for (const value of input.dataset.list ? input.value.split(',') : [input.value]) {
                query.append(input.name, value);
            }
        }
    }
    const text = query.toString();
    return base() + path + (text ? '?' + text : '');
}

function pretty(text, type) {
    if (/json/.test(type || '')) {
        try {
            return JSON.stringify(JSON.parse(text), null, 2);
        } catch (error) {
            return text;
        }
    }
    return text;
}

async function send(node, path, method, operation) {
    const answer = node.querySelector('.answer');
    const title = answer.querySelector('h3');
    const body = bodyOf(operation);
    const headers = {};
    const request = {method: method.toUpperCase(), headers};
    if (body) {
        headers['Content-Type'] = body.type;
        request.body = node.querySelector('textarea').value;
    }
    for (const input of node.querySelectorAll('input[data-in=header]')) {
        if (input.value !== '') {
            headers[input.name] = input.value;
        }
    }
    if (byId('authorization').value && operation.security) {
        headers.Authorization = byId('authorization').value;
    }
    try {
        const response = await fetch(targetOf(node.querySelector('form'), path), request);
        const text = await response.text();
        title.textContent = `${response.status} ${response.statusText}`;
        answer.querySelector('.fields').textContent =
            [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
        answer.querySelector('.content').textContent = pretty(text, response.headers.get('Content-Type'));
    } catch (error) {
        title.textContent = 'No answer: ' + error.message;
        answer.querySelector('.fields').textContent = '';
        answer.querySelector('.content').textContent = '';
    }
    answer.hidden = false;
}

function showOperation(place, path, method, operation) {
    const node = byId('operation').content.cloneNode(true).firstElementChild;
    const body = bodyOf(operation);
    const table = node.querySelector('.parameters tbody');
    node.dataset.operation = `${method} ${path}`;
    node.classList.toggle('deprecated', Boolean(operation.deprecated));
    node.querySelector('.method').textContent = method.toUpperCase();
    node.querySelector('.path').textContent = path;
    node.querySelector('.summary').textContent = operation.summary || '';
    node.querySelector('.description').textContent = operation.description || '';
    for (const parameter of operation.parameters || []) {
        addParameter(table, parameter);
    }
    if (body) {
        const value = example(body.schema);
        const isForm = !/json/.test(body.type);
        node.querySelector('.type').textContent = body.type;
        node.querySelector('textarea').value = isForm ? new URLSearchParams(value).toString()
                                                      : JSON.stringify(value, null, 2);
    } else {
        node.querySelector('.body').hidden = true;
    }
    describeSchemas(node.querySelector('.schemas'), operation);
    node.querySelector('form').addEventListener('submit', (event) => {
        event.preventDefault();
        send(node, path, method, operation);
    });
    place.append(node);
}

function show() {
    const place = byId('operations');
    const tags = new Map();
    document.title = api.info.title;
    byId('title').textContent = api.info.title;
    byId('about').textContent = [api.info.version, api.info.description].filter(Boolean).join(' – ');
    byId('security').hidden = !(api.components && api.components.securitySchemes);
    for (const [path, operations] of Object.entries(api.paths)) {
        for (const method of METHODS.filter((name) => operations[name])) {
            const tag = (operations[method].tags || [''])[0];
            tags.set(tag, [...(tags.get(tag) || []), [path, method, operations[method]]]);
        }
    }
    place.replaceChildren();
    for (const [tag, list] of tags) {
        if (tag) {
            place.append(make('h2', tag));
        }
        for (const [path, method, operation] of list) {
            showOperation(place, path, method, operation);
        }
    }
    document.body.dataset.ready = 'yes';
}

fetch('?openapi').then((response) => response.json()).then((document_) => {
    api = document_;
    show();
}).catch((error) => {
    byId('status').textContent = 'The description cannot be read: ' + error.message;
});
