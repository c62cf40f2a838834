import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { renderChatPage } from '../src/chatPage';

const PAGE = renderChatPage('https://scripts.example/chat.js', 'abc');

test('the page runs its own script, and loads nothing else', () => {
    assert.match(PAGE, /content="default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc';"/);
    assert.deepEqual(PAGE.match(/<script[^>]*>/g), ['<script nonce="abc" src="https://scripts.example/chat.js">']);
    assert.doesNotMatch(PAGE, /<img|<link|url\(|style="|\son\w+="|javascript:/);
});

test('each control has a name, and the conversation is a region that does not speak by itself', () => {
    for (const [, id] of PAGE.matchAll(/<(?:textarea|select) id="(\w+)"/g)) {
        assert.match(PAGE, new RegExp(`<label class="unseen" for="${id}">`), id);
    }
    for (const [, text] of PAGE.matchAll(/<button[^>]*>([^<]*)<\/button>/g)) {
        assert.notEqual(text?.trim(), '');
    }
    assert.match(PAGE, /id="log" role="log" aria-live="off" aria-label="Conversation" tabindex="0"/);
    assert.match(PAGE, /role="status" aria-live="polite"/);
});

test('all colours are those of the theme', () => {
    assert.doesNotMatch(PAGE, /#[0-9a-f]{3,8}\b(?![^{]*\{)|rgba?\(/i);
});

test('the script never writes HTML', () => {
    const script = readFileSync('page/chat.ts', 'utf8');
    assert.doesNotMatch(
        script,
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|setAttribute\('(?:href|src|on)/,
    );
});
