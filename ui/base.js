/* base.js - what the other parts of the dashboard stand on: elements, numbers and times as text, and requests to the API. The
 * token lives in this variable alone. */

const $ = (id) => document.getElementById(id);
let token = '';

function make(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
        if (key === 'text') e.textContent = value;
        else if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
        else if (value !== null && value !== false) e.setAttribute(key, value === true ? '' : value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined));
    return e;
}

/* Only what is another text is written: a page that stands still costs nothing. */
function say(e, text) {
    if (e.textContent !== text) e.textContent = text;
}

/* ---- text ---- */

const grouped = new Intl.NumberFormat('en');

function count(n) {
    return grouped.format(n);
}

function short(n) {
    if (n >= 1e9) return (n / 1e9).toPrecision(3) + ' G';
    if (n >= 1e6) return (n / 1e6).toPrecision(3) + ' M';
    if (n >= 1e4) return (n / 1e3).toPrecision(3) + ' k';
    return n >= 100 || Number.isInteger(n) ? String(Math.round(n)) : n.toFixed(1);
}

function micro(us) {
    if (us >= 1e6) return (us / 1e6).toPrecision(3) + ' s';
    if (us >= 1e3) return (us / 1e3).toPrecision(3) + ' ms';
    return Math.round(us) + ' µs';
}

function ago(time) {
    const s = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
    if (s < 60) return Math.floor(s) + ' s';
    if (s < 3600) return Math.floor(s / 60) + ' min';
    if (s < 172800) return Math.floor(s / 3600) + ' h';
    return Math.floor(s / 86400) + ' days';
}

/* "2026-11-30 12:28:49" */
function stamp(time) {
    const at = new Date(time);
    const two = (n) => String(n).padStart(2, '0');
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(at)}`;
}

function clock(ms) {
    return new Date(ms).toTimeString().slice(0, 8);
}

/* ---- requests ---- */

class Problem extends Error {
    constructor(status, body) {
        super((body && body.detail) || 'status ' + status);
        this.status = status;
        this.code = body && body.code;
    }
}

function headers(more) {
    return token === '' ? more : { ...more, Authorization: 'Bearer ' + token };
}

const patienceMs = 20000; /* a node that has crashed says nothing at all */

async function ask(method, path, body) {
    const response = await fetch(path, {
        method,
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal: AbortSignal.timeout(patienceMs),
        headers: headers(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const document = text === '' ? null : JSON.parse(text);
    if (!response.ok && !(method === 'GET' && path === '/health')) throw new Problem(response.status, document);
    return document;
}

const get = (path) => ask('GET', path);

/* ---- dialogs ---- */

for (const dialog of document.querySelectorAll('dialog'))
    for (const button of dialog.querySelectorAll('[data-close]')) button.addEventListener('click', () => dialog.close());

function facts(list, pairs) {
    list.replaceChildren(...pairs.flatMap(([key, value]) => [make('dt', { text: key }), make('dd', { text: value })]));
}
