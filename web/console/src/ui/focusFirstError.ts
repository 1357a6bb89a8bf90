/** Moves the focus to the first field with an error. */
export function focusFirstError(form: Element | null): void {
  form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
