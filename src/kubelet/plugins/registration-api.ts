import { ProtobufSchema, type RpcMethod } from '../../rpc/protobuf.ts';

/**
 * How plugins register (k8s.io/kubelet/pkg/apis/pluginregistration/v1), as a protobufjs descriptor with the field numbers of
 * api.proto there. The package has no version in its name.
 */
const field = (type: string, id: number) => ({ type, id });
const messages = {
  Registration: {
    methods: {
      GetInfo: { requestType: 'InfoRequest', responseType: 'PluginInfo' },
      NotifyRegistrationStatus: { requestType: 'RegistrationStatus', responseType: 'RegistrationStatusResponse' },
    },
  },
  InfoRequest: { fields: {} },
  PluginInfo: {
    fields: {
      type: field('string', 1),
      name: field('string', 2),
      endpoint: field('string', 3),
      supportedVersions: { rule: 'repeated', ...field('string', 4) },
    },
  },
  RegistrationStatus: { fields: { pluginRegistered: field('bool', 1), error: field('string', 2) } },
  RegistrationStatusResponse: { fields: {} },
};

export interface PluginInfo {
  /** `CSIPlugin`, `DevicePlugin`, `DRAPlugin`. */
  type?: string;
  name?: string;
  /** Where the plugin itself listens; absent: where it registers. */
  endpoint?: string;
  supportedVersions?: string[];
}

/** Made when the first plugin registers: most nodes have none. */
export const registrationMethods = (): Map<string, RpcMethod> =>
  new ProtobufSchema({ nested: { pluginregistration: { nested: messages } } }).methods(
    'pluginregistration.Registration',
  );
