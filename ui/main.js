/* main.js - when what is asked for: a job each with its pause, one request after the other, seldom while nobody looks; and events
 * as they come. */

const hiddenFactor = 15;

const jobs = [
    { every: 1, run: async () => { await loadSamples(1); tellNumbers(); if (period === 1) drawRate(); } },
    { every: 10, run: async () => { await loadSamples(10); if (period === 10) drawRate(); drawHeat(); } },
    { every: 60, run: loadPools },
    { every: 5, run: loadLines },
    { every: 2, run: showOpened },
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
    if (turning || access === 'none' || awaySince !== null) return;
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
        if (error instanceof Problem) complain(error);
        else hangUp();
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
let hangUp = () => {}; /* ends the stream: the node was asked something else in vain */

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

/* Some of what happened is told no more, or the node is another one: all is asked for anew. */
function lost() {
    samples[1] = samples[10] = null;
    loadServers().catch(complain);
    for (const job of jobs) wanted.add(job);
    turn();
}

/* The node is away: what is shown is old, and the page says so until it is back. */
let awaySince = null;

function tellAway(isAway) {
    if (isAway && awaySince === null) awaySince = Date.now();
    if (!isAway) awaySince = null;
    $('away').hidden = !isAway;
    say($('away'), isAway ? `This node does not respond. What you see is of ${clock(awaySince)}; the page goes on when the node is back.` : '');
    document.body.classList.toggle('old', isAway);
    if (isAway) {
        say($('health'), 'away');
        $('health').dataset.kind = 'bad';
    }
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

const pauseMin = 500, pauseMax = 8000;
const silenceMax = 40000; /* a quiet stream has a comment every 15 s */

async function stream() {
    const control = new AbortController();
    hangUp = () => control.abort();
    const response = await fetch('/events?since=' + encodeURIComponent(lastEvent), { headers: headers({ Accept: 'text/event-stream' }), credentials: 'omit', cache: 'no-store', signal: control.signal });
    if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    streaming = true;
    tellLink('live', 'good');
    if (awaySince !== null) {
        tellAway(false);
        lost();
    }
    for (;;) {
        const timer = setTimeout(hangUp, silenceMax);
        const { done, value } = await reader.read().finally(() => clearTimeout(timer));
        if (done) return;
        const blocks = (rest + value).replaceAll('\r', '').split('\n\n');
        rest = blocks.pop();
        blocks.forEach(hearBlock);
    }
}

async function readPast() {
    const past = await get('/events?limit=100');
    tellEvents(past.events);
    lastEvent = past.next;
}

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

/* A stream that ends is begun again; only when that fails is the node away. */
async function follow() {
    for (let pause = pauseMin; ; pause = Math.min(pause * 2, pauseMax)) {
        while (access === 'none') await sleep(pauseMin);
        try {
            if (lastEvent === '') await readPast();
            await stream();
        } catch (error) {
            if (error instanceof Problem) complain(error);
        }
        if (streaming) pause = pauseMin;
        else if (access !== 'none') tellAway(true);
        streaming = false;
        tellLink('connecting again', 'bad');
        await sleep(pause);
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

let following = false;

onAccess(() => {
    loadServers().catch(complain);
    if (!following) follow();
    following = true;
    turn().then(() => { want(lookAtPools); });
});
say($('node'), location.host);
setInterval(turn, 1000);
setInterval(plan, 5000); /* times since */
lookAtAccess().then((may) => { if (may === 'none') askForToken(''); }).catch(complain);
