import { errorsByField, summarize } from '../data/errors';
import { texts } from '../texts';
import { Button } from '../ui/Button';
import { formatMoney } from '../ui/Money';
import { Select } from '../ui/Select';
import { TextField } from '../ui/TextField';
import { DraftStatus } from './DraftStatus';
import type { EditableGigFragment, GigFormQuery } from './form.generated';
import type { FormValues } from './formValues';
import styles from './GigForm.module.css';
import { ImagesField } from './ImagesField';
import { LinksField } from './LinksField';
import { ReasonNote } from './ReasonNote';
import { TagsField } from './TagsField';
import { useGigForm } from './useGigForm';

interface GigFormProps {
  userId: string;
  /** The id of the gig, or "new". */
  name: string;
  gig: EditableGigFragment | undefined;
  initial: FormValues;
  options: GigFormQuery;
  onStartOver: () => void;
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ value: String(from + index), label: String(from + index) }));

export function GigForm({ options, onStartOver, ...props }: GigFormProps) {
  const limits = options.limits.gig;
  const form = useGigForm({ ...props, imagesMax: limits.imagesMax });
  const { values, change, errors, failure, phase, images, isDraft } = form;
  const reasons = errorsByField(props.gig?.reviewReasons ?? []);
  const category = options.categories.find(({ id }) => id === values.category);
  const max = formatMoney(limits.maximumPrice);
  const summary = failure && summarize(failure);
  const wrong = Object.keys(errors).filter(Boolean).length;
  const hint = (field: string, text?: string) =>
    (text || reasons[field]) && (
      <>
        {text}
        <ReasonNote message={reasons[field]} />
      </>
    );
  return (
    <form ref={form.formRef} className={styles.form} onSubmit={form.submit} noValidate aria-busy={phase !== 'typing'}>
      <ReasonNote message={reasons['']} />
      <TextField
        label={texts.form.title}
        name="title"
        hint={hint('title', texts.form.titleHint)}
        value={values.title}
        onChange={(title) => change({ title })}
        error={errors.title}
        maxChars={limits.titleMaxChars}
      />
      <TextField
        label={texts.form.description}
        name="description"
        hint={hint('description')}
        isMultiline
        value={values.description}
        onChange={(description) => change({ description })}
        error={errors.description}
        maxChars={limits.descriptionMaxChars}
      />
      <div className={styles.pair}>
        <Select
          label={texts.form.category}
          name="category"
          hint={hint('category', texts.form.categoryHint)}
          value={values.category}
          onChange={(id) => change({ category: id })}
          options={[{ value: '', label: texts.form.chooseCategory }, ...options.categories.map(({ id, name }) => ({ value: id, label: name }))]}
          error={errors.category}
        />
        <TextField
          label={texts.form.price}
          name="price"
          hint={hint('price', category ? texts.form.priceHint(formatMoney(category.minimumPrice), max) : texts.form.maxPriceHint(max))}
          inputMode="decimal"
          value={values.price}
          onChange={(price) => change({ price })}
          error={errors.price}
        />
        <Select
          label={texts.form.deliveryDays}
          name="deliveryDays"
          hint={hint('deliveryDays')}
          value={String(values.deliveryDays)}
          onChange={(days) => change({ deliveryDays: Number(days) })}
          options={numbers(1, limits.deliveryDaysMax)}
          error={errors.deliveryDays}
        />
        <Select
          label={texts.form.revisions}
          name="revisions"
          hint={hint('revisions')}
          value={String(values.revisions)}
          onChange={(revisions) => change({ revisions: Number(revisions) })}
          options={numbers(0, limits.revisionsMax)}
          error={errors.revisions}
        />
      </div>
      <ImagesField images={images} limits={limits} errors={errors} reasons={reasons} />
      <TagsField
        tags={values.tags}
        max={limits.tagsMax}
        maxChars={limits.tagMaxChars}
        errors={errors}
        reason={reasons.tags}
        onChange={(tags) => change({ tags })}
      />
      <LinksField links={values.links} max={limits.linksMax} errors={errors} reasons={reasons} onChange={(links) => change({ links })} />
      <div className={styles.end}>
        <div role="alert" className={styles.problem}>
          {wrong > 0 && <p>{texts.form.errorSummary(wrong)}</p>}
          {errors[''] && <p dir="auto">{errors['']}</p>}
          {summary && <p>{summary.message}</p>}
          {summary?.requestId && (
            <p>
              {texts.errors.requestId}: <code>{summary.requestId}</code>
            </p>
          )}
        </div>
        <div className={styles.buttons}>
          <Button type="submit" look="main" isPending={phase !== 'typing'}>
            {isDraft ? texts.form.submit : texts.form.submitEdit}
          </Button>
          {props.name === 'new' && (
            <Button
              look="plain"
              onPress={() => {
                form.forget();
                onStartOver();
              }}
            >
              {texts.form.startOver}
            </Button>
          )}
          <DraftStatus state={form.draft} />
        </div>
        <p role="status" className={styles.waiting}>
          {phase === 'waiting' && images.isUploading && texts.form.waitForUploads}
        </p>
      </div>
    </form>
  );
}
