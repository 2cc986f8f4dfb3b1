/* page.js - what the console's page knows, and what all its parts are made of: nodes and words. */
'use strict';

const PERIOD = 1000; // between two questions, in ms
const PATIENCE = 8000; // for an answer
const MOST_ROWS = 500;
const MOST_NODES = 500;
const MOST_PLACES = 50;

const $ = (id) => document.getElementById(id);

/* What the page knows, and what it was told to do with it. */
const page = {
  state: null, // the last answer, without its tasks
  tasks: null, // the last tasks, as they came
  byId: new Map(),
  awaiters: new Map(), // id -> ids of those that await it
  first: null, // the histograms and counters of the first answer
  before: null, // the counters of the answer before, and when it came
  rates: {},
  view: 'tasks',
  filter: '',
  sort: 'id',
  isDescending: false,
  opened: new Set(), // ids of tasks whose details are shown
  folded: new Set(), // ids of nodes of the tree whose children are not
  current: null, // the key of the tree's node that takes the focus
  isPaused: false,
  trouble: null, // why there was no answer
};

/* --- nodes --- */

/* An element with properties, attributes and children (nodes, or text). */
function element(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in node) {
      node[name] = value;
    } else {
      node.setAttribute(name, value);
    }
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/* Makes the children of `parent` those of `items`: nodes are kept by key, so that focus, selection
 * and scroll stay where they are. */
function reconcile(parent, items, keyOf, make, update) {
  const before = parent.nodes || new Map();
  const after = new Map();
  const focused = document.activeElement;
  for (const item of items) {
    const key = keyOf(item);
    after.set(key, before.get(key) || make(item));
  }
  for (const [key, node] of before) {
    if (!after.has(key)) {
      node.remove();
    }
  }
  let place = parent.firstChild;
  for (const item of items) {
    const node = after.get(keyOf(item));
    update(node, item);
    if (node === place) {
      place = place.nextSibling;
    } else {
      parent.insertBefore(node, place);
    }
  }
  parent.nodes = after;
  if (focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

/* --- words --- */

const number = (value) => value.toLocaleString('en');
const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

function span(ns) {
  const units = [[1e3, 1, 'ns'], [1e6, 1e3, 'µs'], [1e9, 1e6, 'ms'], [120e9, 1e9, 's'],
    [7200e9, 60e9, 'min'], [Infinity, 3600e9, 'h']];
  const [, size, name] = units.find(([limit]) => ns < limit);
  const value = ns / size;
  return `${value < 10 && size > 1 ? value.toFixed(1) : Math.round(value)} ${name}`;
}

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

/* A task as reports name it: its number too, unless the name is only that. */
function label(task) {
  return task.name === `task-${task.id}` ? task.name : `${task.name} (${task.id})`;
}

function labelOf(id) {
  const task = page.byId.get(id);
  return task ? label(task) : `task ${id}`;
}

function waitOf(task) {
  if (task.state !== 'waiting') {
    return '';
  }
  const parts = [task.wait];
  if (task.holder) {
    parts.push(`held by ${labelOf(task.holder)}`);
  } else if (task.held_by) {
    parts.push(`held by ${task.held_by}`);
  }
  if (task.fd !== undefined) {
    parts.push(`descriptor ${task.fd}`);
  }
  if (task.left_ns !== undefined) {
    parts.push(`${span(task.left_ns)} more`);
  }
  return parts.join(', ');
}

function cancelOf(task) {
  if (!task.cancel) {
    return '';
  }
  const cancel = task.cancel;
  return (cancel.shielded ? 'to be cancelled after a shield' : 'cancelled') +
    ` (${cancel.error})` + (cancel.site ? ` by ${cancel.site}` : '') +
    (cancel.reason ? `: ${cancel.reason}` : '');
}

const isInside = (frame) => frame.startsWith('coil_');

function stackOf(task) {
  return page.tasks.stacks[task.stack] || [];
}

/* The innermost frame of the program's own. */
function whereOf(task) {
  const stack = stackOf(task);
  return stack.find((frame) => !isInside(frame)) || stack[0] || '';
}

const STATES = { new: 'new', ready: 'ready', running: 'runs', waiting: 'waits' };

function stateOf(task) {
  return task.cancel && !task.cancel.shielded ? 'cancelled' : task.state;
}

function chip(task) {
  const node = element('span', { className: 'chip' });
  updateChip(node, task);
  return node;
}

function updateChip(node, task) {
  node.dataset.state = stateOf(task);
  setText(node, task.cancel ? `${STATES[task.state]}, cancelled` : STATES[task.state]);
}

function fillStack(list, frames) {
  reconcile(list, frames.map((frame, i) => ({ frame, key: `${i} ${frame}` })), (item) => item.key,
    (item) => element('li', { className: isInside(item.frame) ? 'inside' : '' }, item.frame),
    () => {});
}

/* What the filter looks through. */
function textOf(task) {
  if (!task.text) {
    task.text = [label(task), STATES[task.state], task.state, waitOf(task), cancelOf(task),
      task.site || '', ...stackOf(task)].join('\n').toLowerCase();
  }
  return task.text;
}

function filtered() {
  const words = page.filter.toLowerCase().split(/\s+/).filter((word) => word);
  return page.tasks.list.filter((task) => words.every((word) => textOf(task).includes(word)));
}
