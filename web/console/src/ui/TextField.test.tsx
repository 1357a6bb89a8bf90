import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { expect, test } from 'vitest';

import { TextField } from './TextField';

function Field({ error }: { error?: string }) {
  const [value, setValue] = useState('');
  return <TextField label="Title" hint="One line" value={value} onChange={setValue} error={error} maxChars={5} />;
}

test('the counter counts down, and says how much is too much', async () => {
  render(<Field />);
  const input = screen.getByLabelText('Title');
  expect(screen.getByText('5 remaining chars')).toBeTruthy();
  await userEvent.type(input, 'four');
  expect(screen.getByText('1 remaining char')).toBeTruthy();
  await userEvent.type(input, '567');
  expect(screen.getByText('2 chars too many')).toBeTruthy();
  expect((input as HTMLInputElement).value).toBe('four567');
});

test('the hint, the error and the counter describe the field', () => {
  render(<Field error="Too short." />);
  const input = screen.getByLabelText('Title');
  const described = (input.getAttribute('aria-describedby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent);
  expect(described).toEqual(['One line', 'Too short.', '5 remaining chars']);
  expect(input.getAttribute('aria-invalid')).toBe('true');
});
