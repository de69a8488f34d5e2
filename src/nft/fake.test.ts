import { nftContract } from './nft.contract.ts';
import { FakeNft } from './fake.ts';

nftContract('fake', async () => ({ nft: new FakeNft(), close: async () => {} }));
