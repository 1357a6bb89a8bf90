import { Component, type ReactNode } from 'react';

import { texts } from '../texts';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';

interface Props {
  /** Another value, such as another page, tries again. */
  resetKey: string;
  children: ReactNode;
}

/** A page that fails takes nothing else with it. */
export class ErrorBoundary extends Component<Props, { error: Error | undefined }> {
  override state = { error: undefined as Error | undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(previous: Props) {
    if (this.state.error && previous.resetKey !== this.props.resetKey) this.setState({ error: undefined });
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    // After an update of the gateway, the files of the page have other names.
    const isOutdated = /dynamically imported module|module script/i.test(error.message);
    const { crashed, crashedHint } = texts.errors;
    return (
      <EmptyState
        title={isOutdated ? texts.app.newVersion : crashed}
        action={<Button look="main" onPress={() => location.reload()}>{texts.app.reload}</Button>}
      >
        {!isOutdated && crashedHint}
      </EmptyState>
    );
  }
}
