/* main.js - when what is asked for: a job each with its pause, one request after the other, seldom while nobody looks; and events
 * as they come. */

const hiddenFactor = 15;

const jobs = [
    { every: 1, run: async () => { await loadSamples(1); tellNumbers(); if (period === 1) drawRate(); } },
    { every: 10, run: async () => { await loadSamples(10); if (period === 10) drawRate(); drawHeat(); } },
    { every: 60, run: loadPools },
    { every: 5, run: loadLines },
    { every: 5, run: loadStats },
    { every: 5, run: loadHealth },
    { every: 5, run: loadMembers },
    { every: 5, run: loadVips },
    { every: 5, run: loadWorkers },
    { every: 60, run: lookAtPools },
    { every: 300, run: loadCertificates },
];
const wanted = new Set(); /* jobs that are due whatever their pause says */

const jobOf = (run) => jobs.find((job) => job.run === run);

let turning = false;

async function turn() {
    if (turning || access === 'none') return;
    turning = true;
    const now = Date.now();
    try {
        for (const job of jobs) {
            const pause = job.every * 1000 * (document.hidden ? hiddenFactor : 1);
            if (!wanted.has(job) && now - (job.at || 0) < pause - 100) continue;
            wanted.delete(job);
            job.at = now;
            await job.run();
        }
        if (streaming) tellLink('live', 'good');
    } catch (error) {
        complain(error);
    }
    turning = false;
}

function tellLink(text, kind) {
    say($('link'), text);
    $('link').dataset.kind = kind;
}

/* Soon, and once for many events. */
function want(run) {
    wanted.add(jobOf(run));
}

/* ---- events ---- */

let streaming = false;
let lastEvent = '';

const followers = {
    pool: () => { want(loadPools); want(lookAtPools); },
    server: (e) => { hearOfServer(e); want(loadPools); want(lookAtPools); },
    certificate: () => want(loadCertificates),
    vip: () => want(loadVips),
    member: () => want(loadMembers),
    leader: () => want(loadMembers),
    quorum: () => want(loadMembers),
    worker: () => want(loadWorkers),
    description: () => { want(loadPools); want(loadCertificates); loadServers().catch(complain); },
};

let heard = [];

function hear(event) {
    const follow = followers[event.kind.split('_')[0]];
    heard.push(event);
    if (heard.length === 1) requestAnimationFrame(() => { tellEvents(heard); heard = []; });
    if (follow !== undefined) follow(event);
}

/* Some of what happened is told no more: all is asked for anew. */
function lost() {
    loadServers().catch(complain);
    want(loadPools);
    want(lookAtPools);
}

function hearBlock(block) {
    const field = {};
    for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) field[line.slice(0, colon)] = line.slice(colon + 1).trim();
    }
    if (field.id) lastEvent = field.id;
    if (field.event === 'gap' || field.event === 'overrun') lost();
    else if (field.event !== undefined && field.event !== 'end' && field.data) hear(JSON.parse(field.data));
}

async function stream() {
    const response = await fetch('/events?since=' + encodeURIComponent(lastEvent), { headers: headers({ Accept: 'text/event-stream' }), credentials: 'omit', cache: 'no-store' });
    if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    streaming = true;
    tellLink('live', 'good');
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const blocks = (rest + value).replaceAll('\r', '').split('\n\n');
        rest = blocks.pop();
        blocks.forEach(hearBlock);
    }
}

async function follow() {
    const past = await get('/events?limit=100');
    tellEvents(past.events);
    lastEvent = past.next;
    for (let pause = 1000; ; pause = Math.min(pause * 2, 15000)) {
        const began = Date.now();
        try {
            await stream();
        } catch (error) {
            complain(error);
        }
        streaming = false;
        tellLink('connecting again', 'bad');
        if (Date.now() - began > 30000) pause = 1000;
        await new Promise((done) => { setTimeout(done, pause); });
        lost();
    }
}

/* ---- looks ---- */

function redraw() {
    drawRate();
    drawHeat();
    plan();
}

$('theme').addEventListener('change', () => {
    if ($('theme').value === '') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = $('theme').value;
    redraw();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
new ResizeObserver(() => requestAnimationFrame(drawHeat)).observe($('heat').parentElement);

for (const button of document.querySelectorAll('[data-period]'))
    button.addEventListener('click', () => {
        period = Number(button.dataset.period);
        for (const b of document.querySelectorAll('[data-period]')) b.setAttribute('aria-pressed', String(b === button));
        drawRate();
    });
document.addEventListener('visibilitychange', () => { if (!document.hidden) turn(); });

/* ---- start ---- */

onAccess(() => {
    loadServers().catch(complain);
    follow().catch(complain);
    turn().then(() => { want(lookAtPools); });
});
say($('node'), location.host);
setInterval(turn, 1000);
setInterval(plan, 5000); /* times since */
lookAtAccess().then((may) => { if (may === 'none') askForToken(''); }).catch(complain);
