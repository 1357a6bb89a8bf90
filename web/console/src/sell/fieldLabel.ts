import { texts } from '../texts';

/** The name of a field of a gig, by its path in the API. */
export function fieldLabel(field: readonly string[] | null | undefined): string {
  const { form, sell } = texts;
  const [name, index] = field ?? [];
  const number = Number(index) + 1;
  switch (name) {
    case 'title':
      return form.title;
    case 'description':
      return form.description;
    case 'category':
      return form.category;
    case 'price':
      return form.priceName;
    case 'deliveryDays':
      return form.deliveryDays;
    case 'revisions':
      return form.revisions;
    case 'tags':
      return form.tagsName;
    case 'links':
      return Number.isInteger(number) ? form.link(number) : form.linksName;
    case 'images':
    case 'imageIds':
      return Number.isInteger(number) ? form.image(number) : form.imagesName;
    default:
      return sell.reasons;
  }
}
