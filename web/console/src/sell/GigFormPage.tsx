import { useState } from 'react';
import { useQuery } from 'urql';
import { useSearch } from 'wouter';

import { PageHeading } from '../app/PageHeading';
import { useSession } from '../app/session';
import { texts } from '../texts';
import { ButtonLink } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Panel } from '../ui/Panel';
import { Skeleton } from '../ui/Skeleton';
import { EditGigDocument, GigFormDocument } from './form.generated';
import { EMPTY_FORM, valuesOf } from './formValues';
import { GigForm } from './GigForm';
import styles from './GigForm.module.css';
import { readForm, writeForm } from './storedForm';

/** A new gig, a draft, or a change of a gig: `?gig=` has its id. */
export default function GigFormPage() {
  const { user } = useSession();
  const asked = new URLSearchParams(useSearch()).get('gig') ?? undefined;
  const [round, setRound] = useState(0);
  return user && <Form key={`${asked} ${round}`} userId={user.id} asked={asked} onStartOver={() => setRound(round + 1)} />;
}

interface FormProps {
  userId: string;
  asked: string | undefined;
  onStartOver: () => void;
}

function Form({ userId, asked, onStartOver }: FormProps) {
  const name = asked ?? 'new';
  const [stored] = useState(() => readForm(userId, name));
  const id = asked ?? stored.draftId;
  const [options, reload] = useQuery({ query: GigFormDocument });
  const [edited, reloadGig] = useQuery({
    query: EditGigDocument,
    variables: { id: id ?? '' },
    pause: !id,
    requestPolicy: 'network-only',
  });
  const gig = edited.data?.gig ?? undefined;
  const isDraft = !gig || gig.status === 'DRAFT';
  const error = options.error ?? edited.error;
  const isLoading = !options.data || (id !== undefined && !edited.data);
  const heading = <PageHeading title={asked && !isDraft ? texts.form.editTitle : texts.form.newTitle} />;

  if (isLoading) return error ? <ErrorState error={error} onRetry={() => (reload(), reloadGig())} /> : <FormSkeleton />;
  const isEditable = gig?.viewerActions.some((action) => action === 'SAVE_DRAFT' || action === 'EDIT') ?? false;
  if (asked && !isEditable) {
    return (
      <div className={styles.page}>
        {heading}
        <EmptyState title={texts.form.notEditable} action={<ButtonLink href="/sell">{texts.sell.title}</ButtonLink>}>
          {texts.form.notEditableHint}
        </EmptyState>
      </div>
    );
  }
  // The draft that "Post new gig" would continue was posted or archived elsewhere: begin with an empty form.
  const isContinued = asked !== undefined || (gig?.status === 'DRAFT' && isEditable);
  const current = isContinued ? gig : undefined;
  const values = { ...(current ? valuesOf(current) : EMPTY_FORM), ...stored.values };
  const refusals = asked && !isDraft ? [] : (options.data?.viewer?.can.reasons ?? []);
  return (
    <div className={styles.page}>
      {heading}
      <p className={styles.intro}>{isDraft ? texts.form.intro : texts.form.editIntro}</p>
      {refusals.length > 0 && (
        <Panel tone="warning">
          <h2>{texts.form.cannotPost}</h2>
          {refusals.map(({ message }) => (
            <p key={message}>{message}</p>
          ))}
        </Panel>
      )}
      {options.data && (
        <GigForm
          userId={userId}
          name={name}
          gig={current}
          initial={values}
          options={options.data}
          onStartOver={() => {
            writeForm(userId, name, {});
            onStartOver();
          }}
        />
      )}
    </div>
  );
}

const FormSkeleton = () => (
  <div className={styles.page} aria-busy>
    <PageHeading title={texts.form.newTitle} />
    <Skeleton width="half" />
    <Skeleton shape="title" width="full" />
    <Skeleton shape="block" />
    <Skeleton shape="block" />
  </div>
);
