import { nftContract } from './nft.contract.ts';
import { FakeNft } from './nft-fake.ts';

nftContract('fake', async () => ({ nft: new FakeNft(), close: async () => {} }));
