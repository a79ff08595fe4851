import { describe, expect, test } from 'vitest';
import { SubjectError, UsageError } from './errors.ts';
import { openSubject } from './open.ts';

test('the model', async () => {
  const subject = await openSubject('model');
  expect(subject.name).toBe('model');
  await subject.close();
});

describe('a subject that there is not is one line that says what there is', () => {
  test.each([
    ['qemo:x', "unknown subject 'qemo:x'; there are: model, qemu:PATH[,key=value...], module:FILE"],
    ['', "unknown subject ''; there are: model, qemu:PATH[,key=value...], module:FILE"],
    ['model:x', "'model' takes nothing after it"],
    ['qemu', 'say which QEMU, for example qemu:qemu-system-aarch64'],
    ['qemu:', 'say which QEMU'],
    ['qemu:,device=edu', 'say which QEMU'],
    ['qemu:x,devise=edu', "unknown QEMU option 'devise'; there are: device, clock, machine, timeout"],
    ['qemu:x,device=nvme', 'QEMU option device=nvme: expected edu'],
    ['qemu:x,clock=sun', 'QEMU option clock=sun: expected icount'],
    ['qemu:x,machine=pc', 'QEMU option machine=pc: expected virt'],
    ['qemu:x,timeout=0', 'QEMU option timeout=0: expected milliseconds'],
    ['qemu:x,device', "'device' is not key=value"],
    ['qemu:x,timeout=1,timeout=2', "'timeout' is given twice"],
    ['module:', 'say which file'],
  ])('%s', async (spec, message) => {
    const opening = openSubject(spec);
    await expect(opening).rejects.toThrow(UsageError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toMatchObject({ exitCode: 2 });
  });
});

test.each(['qemu:/no/such/qemu', 'module:/no/such/file.js'])('%s could not start', async (spec) => {
  const opening = openSubject(spec);
  await expect(opening).rejects.toThrow(SubjectError);
  await expect(opening).rejects.toMatchObject({ exitCode: 3 });
});
