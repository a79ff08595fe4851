/** From what a user writes after `--subject` to a subject. */
import { profileKey } from '../scenario/features.ts';
import type { Profile } from '../scenario/features.ts';
import { SubjectError, UsageError } from './errors.ts';
import { openModel } from './model.ts';
import { openModule } from './module.ts';
import { openQemu } from './qemu/open.ts';
import type { Subject } from './subject.ts';

/** The forms a subject can be given in, for help texts. */
export const SUBJECT_FORMS: readonly { readonly form: string; readonly what: string }[] = [
  { form: 'model', what: 'the built-in model' },
  { form: 'qemu:PATH[,key=value...]', what: 'a QEMU that is started; a bare name is looked up on PATH' },
  { form: 'module:FILE', what: 'an ES module of your own that exports createSubject()' },
];

/**
 * Opens the subject that `spec` names.
 * @param features that every build of it has, for a subject that is built to a profile
 * @throws UsageError for a spec that names none; SubjectError when it cannot be started.
 */
export async function openSubject(spec: string, features?: Profile): Promise<Subject> {
  const [kind, rest] = splitOnce(spec, ':');
  if (features !== undefined && kind !== 'model') {
    throw new UsageError(`subject '${spec}' has features of its own; --features is for the model`);
  }
  switch (kind) {
    case 'model':
      if (rest !== undefined) throw new UsageError(`subject '${spec}': 'model' takes nothing after it`);
      return features === undefined ? openModel() : pinnedModel(features);
    case 'qemu': {
      const [path, ...options] = (rest ?? '').split(',');
      if (path === undefined || path === '') {
        throw new UsageError(`subject '${spec}': say which QEMU, for example qemu:qemu-system-aarch64`);
      }
      return openQemu({ path, options: keyValues(spec, options), name: spec });
    }
    case 'module':
      if (rest === undefined || rest === '') {
        throw new UsageError(`subject '${spec}': say which file, for example module:./my-smmu.js`);
      }
      return openModule({ file: rest, name: spec });
    default: {
      const forms = SUBJECT_FORMS.map(({ form }) => form).join(', ');
      throw new UsageError(`unknown subject '${spec}'; there are: ${forms}`);
    }
  }
}

/** The model with these features in every build. */
function pinnedModel(features: Profile): Subject {
  try {
    return openModel({ features });
  } catch (thrown) {
    if (!(thrown instanceof SubjectError)) throw thrown;
    throw new UsageError(`--features ${profileKey(features).replaceAll(' ', ',')}: ${thrown.message}`);
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function keyValues(spec: string, words: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {};
  for (const word of words) {
    const [key, value] = splitOnce(word, '=');
    if (key === '' || value === undefined) throw new UsageError(`subject '${spec}': '${word}' is not key=value`);
    if (Object.hasOwn(options, key)) throw new UsageError(`subject '${spec}': '${key}' is given twice`);
    options[key] = value;
  }
  return options;
}
