import { expect, test } from 'vitest';

import { draftInput, editInput, EMPTY_FORM, isEmptyForm, linksOf, postInput } from './formValues';

const values = { ...EMPTY_FORM, title: 'A title', links: ['https://a.example', '', 'https://b.example', ' ', ''] };

test('links keep their places, and empty ones at the end are left out', () => {
  expect(linksOf(values)).toEqual(['https://a.example', '', 'https://b.example']);
  expect(linksOf(EMPTY_FORM)).toEqual([]);
});

test('a draft needs neither a category nor a price', () => {
  expect(draftInput(values, undefined)).not.toHaveProperty('category');
  expect(draftInput(values, undefined)).not.toHaveProperty('price');
  expect(draftInput({ ...values, price: ' 5 ', category: 'cat_1' }, 'gig_1')).toMatchObject({ id: 'gig_1', price: ' 5 ', category: 'cat_1' });
});

test('a gig is posted with everything, so that the gateway names all that is missing', () => {
  expect(postInput(EMPTY_FORM, undefined)).toMatchObject({ title: '', category: '', price: '' });
  expect(postInput(values, 'gig_1').draftId).toBe('gig_1');
  expect(editInput(values, 'gig_1', 7)).toMatchObject({ id: 'gig_1', expectedVersion: 7 });
});

test('an untouched form is empty', () => {
  expect(isEmptyForm(EMPTY_FORM)).toBe(true);
  expect(isEmptyForm(values)).toBe(false);
});
