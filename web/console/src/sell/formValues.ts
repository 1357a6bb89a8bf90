// What the form of a gig holds, and the inputs of the mutations that it makes.

import type { GigPictureFragment } from '../data/fragments.generated';
import type { EditableGigFragment, EditGigInput, PostGigInput, SaveGigDraftInput } from './form.generated';

export interface FormValues {
  title: string;
  description: string;
  /** An id, or empty. */
  category: string;
  /** As it is typed. */
  price: string;
  deliveryDays: number;
  revisions: number;
  tags: readonly string[];
  images: readonly GigPictureFragment[];
  links: readonly string[];
}

export const EMPTY_FORM: FormValues = {
  title: '',
  description: '',
  category: '',
  price: '',
  deliveryDays: 3,
  revisions: 1,
  tags: [],
  images: [],
  links: [''],
};

export const valuesOf = (gig: EditableGigFragment): FormValues => ({
  title: gig.title,
  description: gig.description,
  category: gig.category.id,
  price: gig.price.amount,
  deliveryDays: gig.deliveryDays,
  revisions: gig.revisions,
  tags: gig.tags,
  images: gig.images,
  links: gig.links.length > 0 ? gig.links : [''],
});

/** Empty lines at the end are no links. One in between stays, so that the errors of the others are at their places. */
export function linksOf({ links }: FormValues): string[] {
  const last = links.findLastIndex((link) => link.trim() !== '');
  return links.slice(0, last + 1);
}

const common = (values: FormValues) => ({
  title: values.title,
  description: values.description,
  deliveryDays: values.deliveryDays,
  revisions: values.revisions,
  tags: [...values.tags],
  imageIds: values.images.map(({ id }) => id),
  links: linksOf(values),
});

/** The category and the price of a draft can be left out. */
export const draftInput = (values: FormValues, id: string | undefined): SaveGigDraftInput => ({
  ...common(values),
  ...(id && { id }),
  ...(values.category && { category: values.category }),
  ...(values.price.trim() && { price: values.price }),
});

export const postInput = (values: FormValues, draftId: string | undefined): PostGigInput => ({
  ...common(values),
  category: values.category,
  price: values.price,
  ...(draftId && { draftId }),
});

export const editInput = (values: FormValues, id: string, expectedVersion: number): EditGigInput => ({
  ...common(values),
  id,
  expectedVersion,
  category: values.category,
  price: values.price,
});

/** Whether anything was entered. */
export const isEmptyForm = (values: FormValues): boolean => JSON.stringify(values) === JSON.stringify(EMPTY_FORM);
